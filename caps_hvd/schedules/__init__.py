"""Learning-rate and batch-size policies, all of them stateless."""

from caps_hvd.schedules.policies import BATCHES as BATCHES
from caps_hvd.schedules.policies import POLICIES as POLICIES
from caps_hvd.schedules.policies import RATES as RATES
from caps_hvd.schedules.policies import Schedule as Schedule
from caps_hvd.schedules.policies import check as check
from caps_hvd.schedules.policies import depends_on_epochs as depends_on_epochs
from caps_hvd.schedules.policies import schedule as schedule
from caps_hvd.schedules.warm_up import SCALES as SCALES
from caps_hvd.schedules.warm_up import scaled_learning_rate as scaled_learning_rate
from caps_hvd.schedules.warm_up import warm_up_learning_rate as warm_up_learning_rate
