package io.selkie.client.cli;

import io.selkie.config.cli.CommandFactory;

/** Adds {@code ls} to the program. */
public final class LsCommandFactory implements CommandFactory {
  /** For the service loader. */
  public LsCommandFactory() {}

  @Override
  public Object create() {
    return new LsCommand();
  }

  @Override
  public String name() {
    return "ls";
  }
}
