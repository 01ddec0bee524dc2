from autograd_cnn import ops
from tests.ops import support_table


def test_the_readme_s_table_is_current():
    _, inside, _ = support_table.split_readme()
    assert inside == support_table.table(), "run: python -m tests.ops.support_table --write"


def test_every_public_op_has_a_property():
    assert set(ops.__all__) - support_table.named_in(support_table.HERE / "properties.py") == set()
