package io.selkie.client.cli;

import io.selkie.config.cli.CommandFactory;

/** Adds {@code put} to the program. */
public final class PutCommandFactory implements CommandFactory {
  /** For the service loader. */
  public PutCommandFactory() {}

  @Override
  public Object create() {
    return new PutCommand();
  }

  @Override
  public String name() {
    return "put";
  }
}
