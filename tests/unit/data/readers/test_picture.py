"""Pictures are read as people see them, and fitted to a network's images."""

import numpy as np
import pytest
from PIL import Image

from caps_hvd.data.readers.picture import prepare, read_picture
from caps_hvd.data.split import unit_range
from caps_hvd.errors import DataError

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 8), np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 8, 3), np.uint8)
ALPHA = RANDOM.integers(0, 256, (6, 8, 4), np.uint8)
STEP = 1 / 255


def saved(folder, image, name="picture.png", **options):
    path = folder / name
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


@pytest.mark.parametrize("values", [GREY, COLOUR, ALPHA], ids=["grey", "colour", "alpha"])
def test_values_are_the_files(tmp_path, values):
    read = read_picture(saved(tmp_path, values))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, values.reshape(6, 8, -1))


def test_what_has_the_networks_shape_is_what_training_sees(tmp_path):
    prepared = prepare(read_picture(saved(tmp_path, COLOUR)), (6, 8, 3))
    np.testing.assert_array_equal(prepared, unit_range(COLOUR))
    assert prepared.dtype == np.float32


def test_sixteen_bits_keep_their_range(tmp_path):
    values = np.array([[0, 255], [256, 65535]], np.uint16)
    read = read_picture(saved(tmp_path, values))
    np.testing.assert_array_equal(read[..., 0], values)
    np.testing.assert_allclose(prepare(read, (2, 2, 1))[..., 0], values / 65535, rtol=1e-6)


def test_a_palette_is_its_colours(tmp_path):
    palette = Image.fromarray(COLOUR).quantize(16)
    read = read_picture(saved(tmp_path, palette))
    np.testing.assert_array_equal(read, np.asarray(palette.convert("RGB")))


def test_a_palette_with_a_transparent_colour(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    read = read_picture(saved(tmp_path, palette, transparency=0))
    np.testing.assert_array_equal(read, [[[255, 0, 0, 0], [0, 0, 255, 255]]])


def test_black_and_white(tmp_path):
    picture = Image.fromarray(GREY > 127)
    np.testing.assert_array_equal(
        read_picture(saved(tmp_path, picture))[..., 0], np.where(GREY > 127, 255, 0)
    )


def test_cmyk_is_rgb(tmp_path):
    picture = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # red
    read = read_picture(saved(tmp_path, picture, "red.tif"))
    np.testing.assert_array_equal(read, np.broadcast_to(np.uint8([255, 0, 0]), (8, 8, 3)))


def test_an_animation_is_its_first_frame(tmp_path):
    frames = [Image.new("L", (4, 4), value) for value in (255, 0)]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(prepare(read_picture(path), (4, 4, 1)), 1)


def test_a_photograph_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    read = read_picture(saved(tmp_path, GREY, exif=exif))
    np.testing.assert_array_equal(read[..., 0], np.rot90(GREY, -1))


@pytest.mark.parametrize("name, found", [("text.png", "another kind"), ("none.png", "is none")])
def test_what_is_no_picture(tmp_path, name, found):
    (tmp_path / "text.png").write_text("no picture\n")
    with pytest.raises(DataError, match=found):
        read_picture(tmp_path / name)


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(DataError, match="another kind"):
        read_picture(tmp_path / "empty.jpg")


def test_a_cut_off_file(tmp_path):
    whole = saved(tmp_path, RANDOM.integers(0, 256, (64, 64, 3), np.uint8)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.png: expected a picture, cannot read it"):
        read_picture(tmp_path / "cut.png")


def test_a_folder(tmp_path):
    with pytest.raises(DataError, match="found a folder"):
        read_picture(tmp_path)


def test_a_name_of_two_lines_is_told_in_one(tmp_path):
    with pytest.raises(DataError) as error:
        read_picture(tmp_path / "two\nlines.png")
    assert "two\\nlines.png" in str(error.value) and "\n" not in str(error.value)


def test_floating_point_pictures_are_refused(tmp_path):
    with pytest.raises(DataError, match="floating point"):
        read_picture(saved(tmp_path, GREY.astype(np.float32), "float.tif"))


def test_colour_is_grey_by_its_luminance():
    expected = np.asarray(Image.fromarray(COLOUR).convert("L"))[..., None]
    # Pillow rounds to whole steps.
    np.testing.assert_allclose(prepare(COLOUR, (6, 8, 1)) * 255, expected, atol=0.51)


def test_grey_is_colour_in_three_equal_channels():
    prepared = prepare(GREY, (6, 8, 3))
    for channel in range(3):
        np.testing.assert_array_equal(prepared[..., channel], unit_range(GREY))


def test_grey_survives_colour():
    np.testing.assert_allclose(
        prepare(prepare(GREY, (6, 8, 3)), (6, 8, 1))[..., 0], unit_range(GREY), atol=1e-6
    )


def test_what_is_transparent_is_white():
    image = np.zeros((1, 3, 4), np.uint8)
    image[0, 1, 3], image[0, 2, 3] = 51, 255  # black that is not there, faint, and black
    np.testing.assert_allclose(prepare(image, (1, 3, 1))[0, :, 0], [1, 0.8, 0], atol=1e-6)
    np.testing.assert_allclose(prepare(image, (1, 3, 3))[0, :, 2], [1, 0.8, 0], atol=1e-6)
    np.testing.assert_array_equal(prepare(image, (1, 3, 4)), unit_range(image))


@pytest.mark.parametrize("size", [(12, 24), (24, 12), (12, 12)])
def test_another_aspect_loses_its_two_ends(size):
    """The middle square is grey, what stands out of it white; only the square is left.

    The pixels at its edge see an eighth of a pixel beyond it, as when the whole is scaled.
    """
    image = np.ones(size, np.float32)
    top, left = (size[0] - 12) // 2, (size[1] - 12) // 2
    image[top : top + 12, left : left + 12] = 0.5
    prepared = prepare(image, (6, 6, 1))
    np.testing.assert_allclose(prepared[1:-1, 1:-1], 0.5, atol=1e-6)
    np.testing.assert_allclose(prepared, 0.5, atol=1 / 16 + 1e-6)


def test_smaller_is_the_mean_of_an_area():
    """A checkerboard becomes grey, where taking single pixels would keep one of its colours."""
    image = np.indices((64, 64)).sum(axis=0) % 2 == 0
    np.testing.assert_allclose(prepare(image, (8, 8, 1)), 0.5, atol=0.02)


def test_larger_stays_in_range():
    prepared = prepare(GREY > 127, (60, 50, 3))
    assert prepared.shape == (60, 50, 3)
    assert prepared.min() >= 0 and prepared.max() <= 1


def test_one_pixel():
    np.testing.assert_array_equal(prepare(np.full((1, 1), 255, np.uint8), (5, 7, 1)), 1)


@pytest.mark.parametrize(
    "image",
    [
        unit_range(GREY), unit_range(GREY).astype(np.float64), GREY.astype(np.int64),
        GREY.astype(np.uint16) * 257, GREY.tolist(),
    ],
    ids=["float32", "float64", "int64", "uint16", "list"],
)  # fmt: skip
def test_types_of_numbers(image):
    np.testing.assert_allclose(prepare(image, (6, 8, 1))[..., 0], GREY * STEP, atol=1e-6)


@pytest.mark.parametrize(
    "image, words",
    [
        (GREY.astype(np.float32), "from 0 to 1 in an image of the type float32"),
        (GREY.astype(np.int32) * 2, "from 0 to 255 in an image of the type int32"),
        (np.full((2, 2), np.nan), "received nan to nan"),
        (np.full((2, 2), -1), "received -1 to -1"),
        (np.zeros((2, 2, 2, 1), np.uint8), r"received \(2, 2, 2, 1\)"),
        (np.zeros((0, 2), np.uint8), r"received \(0, 2, 1\)"),
        (np.array([["a"]]), "an image of numbers"),
        (np.zeros((2, 2, 7), np.uint8), "expected an image of 1 channel, .* received 7"),
    ],
)
def test_what_is_refused(image, words):
    with pytest.raises(DataError, match=words):
        prepare(image, (2, 2, 1))


def test_other_depths_are_not_guessed():
    with pytest.raises(DataError, match="expected an image of 5 channels"):
        prepare(GREY, (6, 8, 5))
