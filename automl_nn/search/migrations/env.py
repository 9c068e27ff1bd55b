"""What Alembic runs to apply the steps, on the connection that `automl_nn.search.opening` hands over."""

from alembic import context

from automl_nn.search.schema import Base


def run() -> None:
    """Apply the steps that are missing, in one transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        version_table="automl_version",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic loads this file
    run()
