package io.selkie.client.cli;

import io.selkie.config.cli.CommandFactory;

/** Adds {@code cat} to the program. */
public final class CatCommandFactory implements CommandFactory {
  /** For the service loader. */
  public CatCommandFactory() {}

  @Override
  public Object create() {
    return new CatCommand();
  }

  @Override
  public String name() {
    return "cat";
  }
}
