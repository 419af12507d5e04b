"""Everything that is installed, except what setup.cfg already says: the packages, and the files that are not Python."""

from setuptools import find_packages, setup

# Folders beside the package that are inside it once it is installed; `seqtutor.system.files.packaged` finds both.
FOLDERS = {
    "seqtutor.configs": "configs",
    "seqtutor.data.chain": "data/chain",
    "seqtutor.data.melodies": "data/melodies",
    "seqtutor.data.molecules": "data/molecules",
    "seqtutor.priors.molecules": "priors/molecules",
    "seqtutor.priors.music": "priors/music",
}

setup(
    packages=[*find_packages(include=["seqtutor*"]), *FOLDERS],
    package_dir=FOLDERS,
    package_data={
        "": ["*.html", "*.css", "*.js"],  # of web pages
        "seqtutor": ["py.typed"],
        **{name: ["*"] for name in FOLDERS},
    },
)
