# SPDX-License-Identifier: MIT
"""The examples of the README are run."""
import doctest
import pathlib

README = (pathlib.Path(__file__).parents[3] / 'python' / 'nodetree' /
          'README.md')


def test_the_readme():
    result = doctest.testfile(str(README), module_relative=False,
                              optionflags=doctest.ELLIPSIS |
                              doctest.IGNORE_EXCEPTION_DETAIL)
    assert result.attempted > 20 and result.failed == 0
