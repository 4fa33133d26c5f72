// The linear maps of a bilinear convolution: tiles of planes to slots, and the adjoint; the adjoint
// also of products in each slot, which then are never in memory as a whole.
//
// A tile is transformed along its rows and then along its columns, by small matrices that the
// caller gives, for a block of channels at a time that stays in the cache: planes are read once and
// slots are written once.

#include <sys/mman.h>

#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tile_transform.h"

#define KERNELS "tile_transform_kernels.h"
#include "vector.h"

namespace {

using caps_hvd::Group;
using caps_hvd::TiledAxis;
using caps_hvd::TileTransform;
using caps_hvd::ceil_divide;
using caps_hvd::kBlock;
using caps_hvd::kTall;
using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;

// Tensors that do not stay in the cache are written past it, into large pages: their slots are so
// far apart that each lies in another page.
constexpr int64_t kLarge = 4 << 20;

template <typename T>
bool prepare_large(Tensor* tensor) {
  if (tensor->TotalBytes() < kLarge) return false;
  const auto begin = (reinterpret_cast<uintptr_t>(tensor->data()) + 4095) / 4096 * 4096;
  const auto end = reinterpret_cast<uintptr_t>(tensor->data()) + tensor->TotalBytes();
  madvise(reinterpret_cast<void*>(begin), (end - begin) / 4096 * 4096, MADV_HUGEPAGE);
  return true;
}

template <typename Attributes>
tensorflow::Status read_axis(Attributes* attributes, const char* name, TiledAxis* axis) {
  std::vector<int64_t> values;
  TF_RETURN_IF_ERROR(attributes->GetAttr(name, &values));
  if (values.size() != 6)
    return InvalidArgument(name, " takes size, before, stride, tiles, step and length, not ",
                           values.size(), " numbers");
  *axis = {values[0], values[1], values[2], values[3], values[4], values[5]};
  if (values[1] < 0 || axis->stride < 1 || axis->tiles < 1 || axis->step < 1 || axis->length < 1)
    return InvalidArgument(name, " needs before >= 0, and stride, tiles, step and length >= 1");
  return tensorflow::OkStatus();
}

template <typename Attributes>
tensorflow::Status read_groups(Attributes* attributes, std::vector<Group>* groups) {
  std::vector<int64_t> columns, slots;
  TF_RETURN_IF_ERROR(attributes->GetAttr("group_columns", &columns));
  TF_RETURN_IF_ERROR(attributes->GetAttr("group_slots", &slots));
  if (columns.size() != slots.size())
    return InvalidArgument("group_columns and group_slots differ in length: ",
                           columns.size(), " and ", slots.size());
  for (size_t i = 0; i < columns.size(); ++i) groups->push_back({columns[i], slots[i]});
  return tensorflow::OkStatus();
}

template <typename T>
class TransformOp : public OpKernel {
 public:
  explicit TransformOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, read_axis(context, "height", &transform_.height));
    OP_REQUIRES_OK(context, read_axis(context, "width", &transform_.width));
    OP_REQUIRES_OK(context, read_groups(context, &transform_.groups));
    transform_.slots = transform_.columns = 0;
    for (const Group& group : transform_.groups) {
      transform_.slots += group.slots;
      transform_.columns += group.columns;
    }
  }

 protected:
  // The transform with the matrices of this call, which must have the sizes that it needs.
  TileTransform<T> transform(OpKernelContext* context) {
    TileTransform<T> t = transform_;
    int64_t across = t.columns * t.width.length, down = 0;
    for (const Group& group : t.groups) down += group.slots * group.columns * t.height.length;
    const int64_t sizes[] = {across, down};
    for (int i = 0; i < 2; ++i)
      if (context->input(i).NumElements() != sizes[i])
        context->SetStatus(InvalidArgument("the matrix ", i ? "down" : "across", " has ",
                                           context->input(i).NumElements(), " elements, not ",
                                           sizes[i]));
    t.across = context->input(0).flat<T>().data();
    t.down = context->input(1).flat<T>().data();
    return t;
  }

  // Runs `body` over [0, total) on the threads of TensorFlow; `cost` is cycles for each.
  template <typename Body>
  void parallel_for(OpKernelContext* context, int64_t total, int64_t cost, Body body) {
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(total, cost, body);
  }

  static int64_t blocks(const TileTransform<T>& t) {
    return ceil_divide(t.channels, kBlock<T>);
  }

  static int64_t cost(const TileTransform<T>& t) { return t.slots * t.height.length * 16; }

 private:
  TileTransform<T> transform_;
};

template <typename T>
class PlanesToSlotsOp : public TransformOp<T> {
 public:
  using TransformOp<T>::TransformOp;

  void Compute(OpKernelContext* context) override {
    TileTransform<T> t = this->transform(context);
    if (!context->status().ok()) return;
    const Tensor& planes = context->input(2);
    OP_REQUIRES(context,
                planes.dims() == 4 && planes.dim_size(1) == t.height.size &&
                    planes.dim_size(2) == t.width.size,
                InvalidArgument("planes must have the shape (planes, ", t.height.size, ", ",
                                t.width.size, ", channels), not ", planes.shape().DebugString()));
    t.planes = planes.dim_size(0);
    t.channels = planes.dim_size(3);
    Tensor* slots = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, TensorShape({t.slots, t.planes * t.tiles(), t.row()}), &slots));
    const bool streaming = prepare_large<T>(slots) && t.channels * sizeof(T) % 64 == 0;
    const T* from = planes.flat<T>().data();
    T* to = slots->flat<T>().data();
    const auto kernel = CAPS_HVD_DISPATCH(planes_to_slots<T>);
    this->parallel_for(context, t.planes * t.tiles() * t.phases() * this->blocks(t), this->cost(t),
                       [&](int64_t begin, int64_t end) {
                         kernel(t, from, to, begin, end, streaming);
                       });
  }
};

template <typename T>
class SlotsToPlanesOp : public TransformOp<T> {
 public:
  using TransformOp<T>::TransformOp;

  void Compute(OpKernelContext* context) override {
    TileTransform<T> t = this->transform(context);
    if (!context->status().ok()) return;
    const Tensor& slots = context->input(2);
    OP_REQUIRES(context,
                slots.dims() == 3 && slots.dim_size(0) == t.slots &&
                    slots.dim_size(1) % t.tiles() == 0 && slots.dim_size(2) % t.phases() == 0,
                InvalidArgument("slots must have the shape (", t.slots, ", planes x ", t.tiles(),
                                ", ", t.phases(), " x channels), not ",
                                slots.shape().DebugString()));
    t.planes = slots.dim_size(1) / t.tiles();
    t.channels = slots.dim_size(2) / t.phases();
    Tensor* planes = nullptr;
    OP_REQUIRES_OK(context,
                   context->allocate_output(
                       0, TensorShape({t.planes, t.height.size, t.width.size, t.channels}),
                       &planes));
    prepare_large<T>(planes);
    const T* from = slots.flat<T>().data();
    T* to = planes->flat<T>().data();
    const auto kernel = CAPS_HVD_DISPATCH(slots_to_planes<T>);
    this->parallel_for(context, t.planes * t.parts() * t.phases() * this->blocks(t),
                       t.tiles() / t.parts() * this->cost(t),
                       [&](int64_t begin, int64_t end) { kernel(t, from, to, begin, end); });
  }
};

template <typename T>
class SlotProductsToPlaneOp : public TransformOp<T> {
 public:
  using TransformOp<T>::TransformOp;

  void Compute(OpKernelContext* context) override {
    TileTransform<T> t = this->transform(context);
    if (!context->status().ok()) return;
    const Tensor &left = context->input(2), &right = context->input(3);
    OP_REQUIRES(context,
                left.dims() == 3 && right.dims() == 3 && left.dim_size(0) == t.slots &&
                    right.dim_size(0) == t.slots && left.dim_size(1) == right.dim_size(1) &&
                    left.dim_size(2) % t.phases() == 0 && t.tiles() == 1,
                InvalidArgument("left and right must have the shapes (", t.slots, ", rows, ",
                                t.phases(), " x channels) and (", t.slots,
                                ", rows, filters), and there must be one tile, not ",
                                left.shape().DebugString(), " and ", right.shape().DebugString(),
                                " with ", t.tiles(), " tiles"));
    const int64_t rows = left.dim_size(1), filters = right.dim_size(2);
    t.planes = 1;
    t.channels = left.dim_size(2) / t.phases() * filters;
    Tensor* plane = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, TensorShape({1, t.height.size, t.width.size, t.channels}),
                                &plane));
    prepare_large<T>(plane);
    const T *from = left.flat<T>().data(), *by = right.flat<T>().data();
    T* to = plane->flat<T>().data();
    const auto kernel = CAPS_HVD_DISPATCH(products_to_plane<T>);
    const int64_t total = ceil_divide(left.dim_size(2), kTall) * ceil_divide(filters, kBlock<T>);
    this->parallel_for(context, total, kTall * (t.slots * rows * kBlock<T> / 16 + this->cost(t)),
                       [&](int64_t begin, int64_t end) {
                         kernel(t, from, by, rows, filters, to, begin, end);
                       });
  }
};

tensorflow::Status slots_shape(InferenceContext* context) {
  TiledAxis height, width;
  std::vector<Group> groups;
  TF_RETURN_IF_ERROR(read_axis(context, "height", &height));
  TF_RETURN_IF_ERROR(read_axis(context, "width", &width));
  TF_RETURN_IF_ERROR(read_groups(context, &groups));
  int64_t slots = 0;
  for (const Group& group : groups) slots += group.slots;
  tensorflow::shape_inference::ShapeHandle planes;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 4, &planes));
  DimensionHandle rows, columns;
  TF_RETURN_IF_ERROR(
      context->Multiply(context->Dim(planes, 0), height.tiles * width.tiles, &rows));
  TF_RETURN_IF_ERROR(
      context->Multiply(context->Dim(planes, 3), height.stride * width.stride, &columns));
  context->set_output(0, context->MakeShape({slots, rows, columns}));
  return tensorflow::OkStatus();
}

tensorflow::Status planes_shape(InferenceContext* context) {
  TiledAxis height, width;
  TF_RETURN_IF_ERROR(read_axis(context, "height", &height));
  TF_RETURN_IF_ERROR(read_axis(context, "width", &width));
  tensorflow::shape_inference::ShapeHandle slots;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 3, &slots));
  DimensionHandle planes, channels;
  TF_RETURN_IF_ERROR(context->Divide(context->Dim(slots, 1), height.tiles * width.tiles, true,
                                     &planes));
  TF_RETURN_IF_ERROR(context->Divide(context->Dim(slots, 2), height.stride * width.stride, true,
                                     &channels));
  context->set_output(0, context->MakeShape({planes, height.size, width.size, channels}));
  return tensorflow::OkStatus();
}

tensorflow::Status plane_shape(InferenceContext* context) {
  TiledAxis height, width;
  TF_RETURN_IF_ERROR(read_axis(context, "height", &height));
  TF_RETURN_IF_ERROR(read_axis(context, "width", &width));
  tensorflow::shape_inference::ShapeHandle left, right;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 3, &left));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(3), 3, &right));
  DimensionHandle channels;
  TF_RETURN_IF_ERROR(context->Divide(context->Dim(left, 2), height.stride * width.stride, true,
                                     &channels));
  TF_RETURN_IF_ERROR(context->Multiply(channels, context->Dim(right, 2), &channels));
  context->set_output(0, context->MakeShape({1, height.size, width.size, channels}));
  return tensorflow::OkStatus();
}

}  // namespace

// An operation with the matrices of a transform, as `native_transforms.py` makes them.
#define REGISTER_TRANSFORM(name)        \
  REGISTER_OP(name)                     \
      .Attr("T: {float, double}")       \
      .Attr("height: list(int)")        \
      .Attr("width: list(int)")         \
      .Attr("group_columns: list(int)") \
      .Attr("group_slots: list(int)")   \
      .Input("across: T")               \
      .Input("down: T")

REGISTER_TRANSFORM("PlanesToSlots")
    .Input("planes: T")
    .Output("slots: T")
    .SetShapeFn(slots_shape);

REGISTER_TRANSFORM("SlotsToPlanes")
    .Input("slots: T")
    .Output("planes: T")
    .SetShapeFn(planes_shape);

REGISTER_TRANSFORM("SlotProductsToPlane")
    .Input("left: T")
    .Input("right: T")
    .Output("plane: T")
    .SetShapeFn(plane_shape);

#define REGISTER_KERNEL(name, Op)                                                               \
  REGISTER_KERNEL_BUILDER(                                                                      \
      Name(name).Device(tensorflow::DEVICE_CPU).TypeConstraint<float>("T"), Op<float>);         \
  REGISTER_KERNEL_BUILDER(                                                                      \
      Name(name).Device(tensorflow::DEVICE_CPU).TypeConstraint<double>("T"), Op<double>)

REGISTER_KERNEL("PlanesToSlots", PlanesToSlotsOp);
REGISTER_KERNEL("SlotsToPlanes", SlotsToPlanesOp);
REGISTER_KERNEL("SlotProductsToPlane", SlotProductsToPlaneOp);
