package io.selkie.server.keeper;

import io.selkie.config.cli.CommandFactory;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.NotifyReceiver;
import io.selkie.posix.NotifyReceiver.Event;
import io.selkie.posix.NotifyReceiver.Message;
import io.selkie.posix.OwnSession;
import io.selkie.posix.PidFd;
import io.selkie.posix.PosixException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code selkie keeper}: keeps the leases of a server that is killed for as long as its block
 * clients may write. The server starts it ({@link KeeperProcess}).
 */
@Command(
    name = "keeper",
    description =
        "Keep the leases of a killed server until its block clients must have stopped. A server"
            + " with blockLayouts: unfenced starts this itself.",
    hidden = true,
    mixinStandardHelpOptions = true)
public final class KeeperCommand implements Callable<Integer> {

  /** What it says when it listens. */
  static final String READY = "keeper ready";

  @Spec private CommandSpec spec;

  @Option(names = "--of", paramLabel = "PID", required = true, description = "The server.")
  private long server;

  @Option(names = "--max", paramLabel = "N", required = true, description = "Most descriptors.")
  private int capacity;

  @Parameters(paramLabel = "DIR", description = "Where its socket is to be.")
  private Path directory;

  private KeeperCommand() {}

  /** Makes the command. */
  public static final class Factory implements CommandFactory {
    /** For the service loader. */
    public Factory() {}

    @Override
    public Object create() {
      return new KeeperCommand();
    }

    @Override
    public String name() {
      return "keeper";
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    // What is sent to the server's group, from a terminal for instance, is not for this.
    var _ = OwnSession.begin();
    PrintWriter out = spec.commandLine().getOut();
    Optional<PidFd> owner = PidFd.open(server);
    if (owner.isEmpty()) {
      out.println("keeper: there is no process " + server);
      out.flush();
      return CommandLine.ExitCode.SOFTWARE;
    }
    LinuxKernel kernel = new LinuxKernel();
    // Who may write to its socket can end what is kept; a server's own mask keeps nothing back.
    var _ = kernel.umask(0077);
    var place = new KeeperSocket(kernel, directory, server);
    try (PidFd process = owner.get();
        var store = new DescriptorStore(capacity)) {
      serve(place, process, store, out);
      long holdMillis = store.holdMillis();
      if (holdMillis > 0) {
        out.println(
            "keeper: the server %d is gone; %d leases are kept for %d ms"
                .formatted(server, store.size(), holdMillis));
        out.flush();
        var _ = new CountDownLatch(1).await(holdMillis, TimeUnit.MILLISECONDS);
      }
    }
    return CommandLine.ExitCode.OK;
  }

  /** Until the server is dead and everything that it sent was read. */
  private static void serve(
      KeeperSocket place, PidFd process, DescriptorStore store, PrintWriter out)
      throws IOException {
    try (NotifyReceiver receiver = place.bind()) {
      out.println(READY);
      out.flush();
      while (receiver.await(Optional.of(process), -1) == Event.MESSAGE) {
        Optional<Message> message = receiver.receive();
        if (message.isPresent()) {
          store
              .on(message.get())
              .ifPresent(why -> {
                out.println("keeper: " + why);
                out.flush();
              });
        }
      }
    } catch (PosixException e) {
      out.println("keeper: " + e.getMessage());
      out.flush();
      throw e;
    } finally {
      place.remove();
    }
  }
}
