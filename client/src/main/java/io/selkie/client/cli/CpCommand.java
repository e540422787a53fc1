package io.selkie.client.cli;

import io.selkie.client.NfsUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Copies files to, from and between servers. */
@Command(
    name = "cp",
    description = {
      "Copy files to, from or between servers. Arguments that do not start with nfs:// are local.",
      "A file appears under its name only when it is complete and durable (it is written beside it"
          + " as .NAME.*.selkie-part and renamed). Data only is copied: modes, owners, times, links"
          + " and holes are not preserved. What cannot be copied is said, the rest goes on."
    },
    sortOptions = false)
final class CpCommand extends RemoteCommand {
  private static final int DEPTH_MAX = 128;

  @Parameters(
      arity = "2..*",
      paramLabel = "SOURCE... TARGET",
      description = "Files, or directories with -r; several need an existing directory as target.")
  private List<String> arguments = new ArrayList<>();

  @Option(
      names = {"-r", "--recursive"},
      description = "Copy directories with all that is in them.")
  private boolean isRecursive;

  @Option(
      names = "--no-progress",
      description = "No progress bar, even where standard error is a terminal.")
  private boolean noProgress;

  private final FileWriterWithRename writer =
      new FileWriterWithRename(RandomGenerator.of("L64X128MixRandom"));

  @Override
  void run(Servers servers) throws IOException {
    List<String> sources = arguments.subList(0, arguments.size() - 1);
    Place target = place(servers, arguments.getLast());
    Place.Kind targetKind = target.kind();
    boolean intoDirectory = targetKind == Place.Kind.DIRECTORY;
    if (!intoDirectory && (sources.size() > 1 || target.mustBeDirectory())) {
      throw new IOException(target + ": not a directory");
    }
    try (Pump pump = new Pump()) {
      for (String argument : sources) {
        Place source = place(servers, argument);
        if (source instanceof Place.Local && target instanceof Place.Local) {
          throw usage("neither " + source + " nor " + target + " is on a server");
        }
        copy(pump, source, intoDirectory ? target.child(source.name()) : target, 0);
      }
    }
  }

  private Place place(Servers servers, String argument) throws IOException {
    if (!NfsUrl.isUrl(argument)) {
      return new Place.Local(Path.of(argument), argument.endsWith("/"));
    }
    NfsUrl url = url(argument);
    return new Place.Remote(servers.of(url), url);
  }

  /** Copies one item; what fails is reported and does not keep the others back. */
  private void copy(Pump pump, Place source, Place target, int depth) {
    try {
      switch (source.kind()) {
        case FILE -> copyFile(pump, source, target);
        case DIRECTORY -> {
          if (isRecursive) {
            copyDirectory(pump, source, target, depth);
          } else {
            failed(source.toString(), "is a directory; -r copies it");
          }
        }
        case NOTHING -> failed(source.toString(), "no such file or directory");
        case OTHER -> failed(source.toString(), "neither a file nor a directory; not copied");
      }
    } catch (IOException e) {
      failed(source.toString(), e);
    }
  }

  private void copyFile(Pump pump, Place source, Place target) throws IOException {
    switch (target.kind()) {
      case DIRECTORY -> {
        failed(target.toString(), "is a directory; a file cannot replace it");
        return;
      }
      case OTHER -> {
        failed(target.toString(), "neither a file nor a directory; not replaced");
        return;
      }
      case FILE, NOTHING -> {}
    }
    if (target.isWithin(source)) {
      failed(source.toString(), "source and target are the same file");
      return;
    }
    try (Place.OpenSource open = source.openToRead();
        Progress progress = progress(source, open.sizeBytes())) {
      writer.write(pump, open.source(), open.sizeBytes(), target, progress);
    }
  }

  private Progress progress(Place source, long sizeBytes) {
    return streams().isErrorTerminal() && !noProgress
        ? Progress.bar(source.name(), sizeBytes)
        : Progress.NONE;
  }

  private void copyDirectory(Pump pump, Place source, Place target, int depth) throws IOException {
    if (depth > DEPTH_MAX) {
      failed(source.toString(), "deeper than " + DEPTH_MAX + " directories; not copied");
      return;
    }
    if (target.isWithin(source)) {
      failed(source.toString(), "cannot be copied into itself, " + target);
      return;
    }
    List<String> names = source.list();
    switch (target.kind()) {
      case NOTHING -> target.makeDirectory();
      case DIRECTORY -> {}
      case FILE, OTHER -> {
        failed(target.toString(), "is no directory; a directory cannot replace it");
        return;
      }
    }
    for (String name : names) {
      Place child = source.child(name);
      if (child instanceof Place.Local local && java.nio.file.Files.isSymbolicLink(local.path())) {
        failed(child.toString(), "symbolic link; not copied");
        continue;
      }
      copy(pump, child, target.child(name), depth + 1);
    }
  }
}
