package io.selkie.config.cli;

/**
 * Makes one subcommand of the program {@code selkie}.
 *
 * <p>The program finds its subcommands with {@link java.util.ServiceLoader}, so client and test add
 * theirs without server ever importing them: the module graph keeps its direction. A module lists
 * its factories in {@code META-INF/services/io.selkie.config.cli.CommandFactory}.
 */
@FunctionalInterface
public interface CommandFactory {

  /**
   * Returns a new command, an object annotated with picocli's {@code @Command}. It is an {@code
   * Object} because this module does not know picocli; the annotation gives the command its name.
   */
  Object create();

  /**
   * The command's name, by which it is found without making all the others: a server starts sooner
   * for it. Empty when only the command itself tells; then all are made to find it.
   */
  default String name() {
    return "";
  }
}
