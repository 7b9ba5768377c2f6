"""Folders and indices as people have them: what is read, what is passed over, what is refused."""

import os
import unicodedata
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hmax_cnn.data import DatasetWarning, SkippedImagesWarning, open_dataset

pytestmark = pytest.mark.quick

CAFE = {form: unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}


def grown(root: Path, files: str, first: int = 0) -> Path:
    """A folder with pictures, each unlike the others, at these paths."""
    for number, name in enumerate(files.split(), first):
        path = root / name.replace("~", " ")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((3, 4), number, np.uint8)).save(path, format="PNG")
    return root


def of_parts(*parts: str) -> str:
    return " ".join(f"{part}/{one}/{one}{part[0]}.png" for part in parts for one in ("ant", "bee"))


# Files, then what is read: images of each class, and of each part of a split.
READ = {
    "one folder without classes": ("a.png b.jpg", {}, {}),
    "a folder per class": ("ant/a.png bee/b.png", {"ant": 1, "bee": 1}, {}),
    "train and test": (of_parts("train", "test"), {"ant": 2, "bee": 2}, {"train": 2, "test": 2}),
    "capitals": (of_parts("Train", "TEST"), {"ant": 2, "bee": 2}, {"train": 2, "test": 2}),
    "training and testing": (
        of_parts("training", "testing"),
        {"ant": 2, "bee": 2},
        {"train": 2, "test": 2},
    ),
    "train and val": (
        of_parts("train", "val"),
        {"ant": 2, "bee": 2},
        {"train": 2, "validation": 2},
    ),
    "train and valid": (
        of_parts("train", "valid"),
        {"ant": 2, "bee": 2},
        {"train": 2, "validation": 2},
    ),
    "three parts": (
        of_parts("training", "validation", "testing"),
        {"ant": 3, "bee": 3},
        {"train": 2, "validation": 2, "test": 2},
    ),
    "one level deeper": (
        of_parts("set/train", "set/val"),
        {"ant": 2, "bee": 2},
        {"train": 2, "validation": 2},
    ),
    "two levels deeper": (
        of_parts("data/set/train", "data/set/test"),
        {"ant": 2, "bee": 2},
        {"train": 2, "test": 2},
    ),
    "classes one level deeper": ("set/ant/a.png set/bee/b.png", {"ant": 1, "bee": 1}, {}),
    "parts without classes": ("train/a.png test/b.png", {}, {"train": 1, "test": 1}),
    "a class called train": ("train/a.png plane/b.png", {"train": 1, "plane": 1}, {}),
    "classes within classes": (
        "dog/poodle/a.png cat/persian/b.png",
        {"dog/poodle": 1, "cat/persian": 1},
        {},
    ),
    "only training": (of_parts("train"), {"ant": 1, "bee": 1}, {"train": 2}),
    "blanks around a name": ("~ant/a.png bee~/b.png", {"ant": 1, "bee": 1}, {}),
    "accents stored in two ways": (
        f"train/{CAFE['NFC']}/a.png test/{CAFE['NFD']}/b.png",
        {"café": 2},
        {"train": 1, "test": 1},
    ),
    "hidden and system files": (
        "ant/a.png bee/b.png .git/c.png ant/.d.png __MACOSX/ant/e.png bee/Thumbs.db",
        {"ant": 1, "bee": 1},
        {},
    ),
    "endings that say nothing": ("s1/subject.sad s2/subject.jfif", {"s1": 1, "s2": 1}, {}),
    "endings in capitals": ("ant/a.PNG bee/b.TIFF", {"ant": 1, "bee": 1}, {}),
}

REFUSED = {
    "a stray part": (of_parts("train", "test", "extra"), r"has train and test, but also extra/ant"),
    "a picture beside parts": (
        f"{of_parts('train', 'test')} cover.png",
        r"but also cover\.png\. Seen.*cover\.png \(1\), test/ \(2\), train/ \(2\)",
    ),
    "a picture beside classes": ("ant/a.png bee/b.png c.png", r"but c\.png lies in none"),
    "a part beside classes": ("ant/a.png bee/b.png test/ant/c.png", "classes at several depths"),
    "classes at two depths": ("dog/a.png dog/poodle/b.png cat/c.png", "classes at several depths"),
    "parts below classes": (
        "ant/train/a.png ant/test/b.png bee/train/c.png",
        "train and test below other folders",
    ),
    "two sets side by side": (
        f"{of_parts('one/train', 'one/test')} {of_parts('two/train', 'two/test')}",
        "train and test below other folders",
    ),
    "one part twice": (of_parts("train", "training"), "two folders are the same part"),
    "a test part without classes": ("train/ant/a.png test/b.png", "lies in none"),
    "a class without a name": ("~/a.png bee/b.png", "a class whose name is empty or blank"),
}


@pytest.mark.parametrize("case", READ)
def test_layouts_that_are_read(tmp_path, case):
    files, classes, parts = READ[case]
    found = open_dataset(grown(tmp_path / "set", files))
    assert len(set(found.names)) == len(found)
    assert Counter(() if found.labels is None else found.labels.tolist()) == classes
    assert Counter(() if found.split is None else found.split.tolist()) == parts
    assert not found.skipped


@pytest.mark.parametrize("case", REFUSED)
def test_layouts_that_are_refused(tmp_path, case):
    files, reason = REFUSED[case]
    with pytest.raises(ValueError, match=reason):
        open_dataset(grown(tmp_path / "set", files))


def test_no_pictures_at_all(tmp_path):
    with pytest.raises(ValueError, match=r"holds no pictures .* It is empty"):
        open_dataset(tmp_path)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"1 x file that is no picture \(\.npy\), such as a\.npy"):
        open_dataset(tmp_path)


def test_what_is_passed_over_is_counted_and_named(tmp_path):
    root = grown(tmp_path / "set", "ant/a.png bee/b.png")
    heic = b"\0\0\0\x18ftypheic" + bytes(16)
    (root / "ant" / "phone.heic").write_bytes(heic)
    (root / "bee" / "phone.dat").write_bytes(heic)
    (root / "bee" / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    (root / "wasp").mkdir()
    (root / "bee" / "gone.png").symlink_to("nowhere.png")
    (root / "bee" / "notes.txt").write_text("quiet")
    os.mkfifo(root / "ant" / "pipe.png")
    with pytest.warns(SkippedImagesWarning) as caught:
        found = open_dataset(root)
    text = str(caught[0].message)
    for said in (
        "2 x format that cannot be read (HEIC): ant/phone.heic, bee/phone.dat",
        "1 x file that is no picture (.mp4): bee/clip.mp4",
        "1 x folder without pictures: wasp",
        "1 x broken link: bee/gone.png",
        "1 x no regular file (a pipe, socket or device): ant/pipe.png",
    ):
        assert said in text
    assert "notes" not in text
    assert (len(found), len(found.skipped)) == (2, 6)


def test_links_are_followed_and_loops_are_not(tmp_path):
    real = grown(tmp_path / "orig", "ant/a.png bee/b.png")
    root = grown(tmp_path / "set", "wasp/c.png")
    (root / "ant").symlink_to(real / "ant")
    (root / "wasp" / "d.png").symlink_to(real / "bee" / "b.png")
    assert sorted(open_dataset(root).labels) == ["ant", "wasp", "wasp"]
    (root / "wasp" / "again").symlink_to(root)
    with pytest.warns(SkippedImagesWarning, match="1 x link that leads back .*: wasp/again"):
        assert len(open_dataset(root)) == 3


def test_a_linked_test_part_is_a_test_set_and_the_same_file_twice_is_told(tmp_path):
    real = grown(tmp_path / "orig", "ant/a.png bee/b.png")
    root = grown(tmp_path / "set", "train/ant/c.png train/bee/d.png", first=2)
    (root / "test").symlink_to(real)
    assert Counter(open_dataset(root).split.tolist()) == {"train": 2, "test": 2}
    (root / "train" / "bee" / "e.png").symlink_to(real / "bee" / "b.png")
    with pytest.warns(DatasetWarning, match=r"1 of the held-out .* test/bee/b\.png and train/bee"):
        found = open_dataset(root)
    found.checked()  # no second warning of the same files


def test_many_links_to_one_folder_do_not_multiply(tmp_path):
    below = grown(tmp_path / "d0", "a.png")
    for level in range(1, 12):
        folder = tmp_path / f"d{level}"
        folder.mkdir()
        for link in range(4):
            (folder / f"l{link}").symlink_to(below)
        below = folder
    with pytest.raises(ValueError, match="9th way to one folder"):
        open_dataset(below)


def test_the_same_content_in_two_parts_is_told(tmp_path):
    root = grown(tmp_path / "set", of_parts("train", "val"))
    (root / "val" / "ant" / "copy.png").write_bytes(
        (root / "train" / "bee" / "beet.png").read_bytes()
    )
    with pytest.warns(DatasetWarning, match=r"1 of 3 held-out .* val/ant/copy\.png and train/bee"):
        open_dataset(root).checked()


def test_classes_that_differ_in_capitals_are_told(tmp_path):
    with pytest.warns(DatasetWarning, match="'Ant' and 'ant', which differ in capitals only"):
        found = open_dataset(grown(tmp_path / "set", "Ant/a.png ant/b.png"))
    assert sorted(found.labels) == ["Ant", "ant"]


def test_names_that_no_terminal_or_file_could_hold(tmp_path):
    root = grown(tmp_path / "set", "ant/a.png")
    picture = (root / "ant" / "a.png").read_bytes()
    (root / "ant" / "b\x1b[31m.png").write_bytes(picture)
    Path(os.fsdecode(os.fsencode(root / "ant") + b"/c\xe9.png")).write_bytes(picture)
    found = open_dataset(root)
    assert found.names == ["ant/a.png", "ant/b\\x1b[31m.png", "ant/c\\xe9.png"]
    assert found[2].shape == (3, 4)


INDICES = {
    "commas": ("i.csv", "path,label,split\na.png,x,train\nb.png,y,test\n"),
    "capitals of the ending": ("i.CSV", "path,label,split\na.png,x,train\nb.png,y,test\n"),
    "semicolons": ("i.csv", "path;label;split\na.png;x;train\nb.png;y;test\n"),
    "tabs": ("i.tsv", "path\tlabel\tsplit\na.png\tx\ttrain\nb.png\ty\ttest\n"),
    "tabs called commas": ("i.csv", "path\tlabel\tsplit\na.png\tx\ttrain\nb.png\ty\ttest\n"),
    "a spreadsheet's mark": ("i.csv", "\ufeffpath,label,split\na.png,x,train\nb.png,y,test\n"),
    "Windows' ends of lines": ("i.csv", "path,label,split\r\na.png,x,train\r\nb.png,y,test\r\n"),
    "Windows' paths": ("i.csv", "path,label,split\n.\\a.png,x,train\nb.png,y,test\n"),
    "blanks": ("i.csv", "path,label,split\n a.png , x,Train \nb.png,y , TEST\n"),
    "blank lines": ("i.csv", "path,label,split\na.png,x,train\n\n,,\nb.png,y,test\n"),
    "column `file`": ("i.csv", "file,label,split\na.png,x,train\nb.png,y,test\n"),
    "other words for parts": ("i.csv", "path,label,split\na.png,x,training\nb.png,y,testing\n"),
    "quotation marks": ("i.csv", 'path,label,split\n"a.png","x",train\n"b.png","y",test\n'),
}


@pytest.mark.parametrize("case", INDICES)
def test_indices_that_are_read(tmp_path, case):
    name, text = INDICES[case]
    grown(tmp_path, "a.png b.png")
    (tmp_path / name).write_bytes(text.encode())
    found = open_dataset(tmp_path / name)
    assert found.names == ["a.png", "b.png"]
    assert found.labels.tolist() == ["x", "y"]
    assert found.split.tolist() == ["train", "test"]
    assert found[1].shape == (3, 4)


def test_one_label_however_it_is_typed(tmp_path):
    grown(tmp_path, "a.png b.png c.png")
    rows = f"a.png,{CAFE['NFC']}\nb.png, {CAFE['NFD']} \nc.png,tea\n"
    (tmp_path / "i.csv").write_text("path,label\n" + rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_dataset(tmp_path / "i.csv").labels.tolist() == ["café", "café", "tea"]


def test_what_is_no_set_is_refused_for_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "index.csv")
    with pytest.raises(ValueError, match="a pipe, a socket or a device"):
        open_dataset(tmp_path / "index.csv")
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(16))
    with pytest.raises(ValueError, match=r"format that cannot be read \(HEIC\). Convert it"):
        open_dataset(tmp_path / "photo.heic")
    (tmp_path / "i.csv").write_text("path\npipe.png\n")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"pipe\.png: is no regular file"):
        open_dataset(tmp_path / "i.csv").checked()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_to_reading_does_not_vanish(tmp_path):
    root = grown(tmp_path / "set", "ant/a.png bee/b.png")
    (root / "bee").chmod(0)
    try:
        with pytest.raises(PermissionError, match="bee is closed to reading"):
            open_dataset(root)
    finally:
        (root / "bee").chmod(0o755)
