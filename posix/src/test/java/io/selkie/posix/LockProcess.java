package io.selkie.posix;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Another process that locks a file as any program does, with POSIX locks (F_SETLK). It answers
 * each line "shared|exclusive|unlock FIRST LENGTH" with "yes" or "no", and ends with its input.
 */
public final class LockProcess implements AutoCloseable {
  private final Process process;
  private final BufferedReader answers;

  /** Starts one that has the file open. */
  public LockProcess(Path file) throws IOException {
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                LockProcess.class.getName(),
                file.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    answers = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
  }

  /** Whether it got a lock that others may have too. */
  public boolean shared(long first, long length) throws IOException {
    return ask("shared", first, length);
  }

  /** Whether it got a lock of its own. */
  public boolean exclusive(long first, long length) throws IOException {
    return ask("exclusive", first, length);
  }

  /** Whether it had one of exactly this range, which it has no more. */
  public boolean unlock(long first, long length) throws IOException {
    return ask("unlock", first, length);
  }

  /** Its id. */
  public long pid() {
    return process.pid();
  }

  private boolean ask(String what, long first, long length) throws IOException {
    process.getOutputStream().write("%s %d %d%n".formatted(what, first, length).getBytes(UTF_8));
    process.getOutputStream().flush();
    String answer = answers.readLine();
    if (answer == null) {
      throw new IOException("the other process has ended");
    }
    return answer.equals("yes");
  }

  @Override
  public void close() throws IOException {
    process.getOutputStream().close();
    process.onExit().join();
  }

  /** The other process. */
  public static void main(String[] args) throws IOException {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    java.util.Map<String, FileLock> held = new java.util.HashMap<>();
    try (FileChannel channel =
        FileChannel.open(Path.of(args[0]), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] words = line.split(" ");
        String range = words[1] + " " + words[2];
        FileLock old = held.remove(range);
        if (old != null) {
          old.release();
        }
        if (!words[0].equals("unlock")) {
          FileLock lock =
              channel.tryLock(
                  Long.parseLong(words[1]), Long.parseLong(words[2]), words[0].equals("shared"));
          if (lock != null) {
            held.put(range, lock);
          }
          System.out.println(lock != null ? "yes" : "no");
        } else {
          System.out.println(old != null ? "yes" : "no");
        }
      }
    }
  }
}
