package io.selkie.client.cli;

import io.selkie.config.cli.CommandFactory;

/** Adds {@code cp} to the program. */
public final class CpCommandFactory implements CommandFactory {
  /** For the service loader. */
  public CpCommandFactory() {}

  @Override
  public Object create() {
    return new CpCommand();
  }

  @Override
  public String name() {
    return "cp";
  }
}
