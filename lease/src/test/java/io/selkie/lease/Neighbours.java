package io.selkie.lease;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Other processes that do one thing each to a file and say how it went: a Python that forks a child
 * for each, because where processors are emulated a start of one takes seconds. A request is one
 * line, an answer too: its number and {@code ok} or the name of an errno.
 */
public final class Neighbours implements AutoCloseable {

  private static final int WAIT_SECONDS = 120;

  /** What one of them may do; the words are of the script. */
  public enum Act {
    /** Opens for reading. */
    READ("read"),
    /** Opens for writing. */
    WRITE("write"),
    /** Opens for both. */
    BOTH("both"),
    /** Opens for writing and cuts. */
    CUT("cut"),
    /** Opens for reading, and would not wait. */
    READ_NONBLOCK("read_n"),
    /** Opens for writing, and would not wait. */
    WRITE_NONBLOCK("write_n"),
    /** {@code truncate(2)} to half its size. */
    TRUNCATE("truncate"),
    /** {@code truncate(2)} to the size that it has. */
    TRUNCATE_SAME("same"),
    /** Opens it for reading and clones it, FICLONE. */
    CLONE_FROM("clone"),
    /** Opens it for reading and shares its blocks with another file's, FIDEDUPERANGE. */
    DEDUPE("dedupe"),
    /** {@code cp --reflink=always}. */
    COPY("copy"),
    /** Opens with O_PATH. */
    PATH("path"),
    /** Looks at it. */
    STAT("stat"),
    /** Changes its mode. */
    CHMOD("chmod"),
    /** Changes its times. */
    UTIMES("utimes"),
    /** Renames it and back. */
    RENAME("rename"),
    /** Gives it a second name and takes it away. */
    LINK("link"),
    /** Takes away its name. */
    UNLINK("unlink"),
    /** Opens for reading and keeps it so, until {@link Neighbours#endHolders}. */
    HOLD_READ("hold_r"),
    /** The same for writing. */
    HOLD_WRITE("hold_w"),
    /** The same with O_PATH. */
    HOLD_PATH("hold_p"),
    /** Maps it, closes its descriptor, and keeps the mapping. */
    HOLD_MAPPING("hold_m");

    private final String word;

    Act(String word) {
      this.word = word;
    }
  }

  private static final String SCRIPT =
      """
      import errno, fcntl, mmap, os, signal, struct, subprocess, sys
      def clone(path, other):
          source = os.open(path, os.O_RDONLY)
          target = os.open(other, os.O_RDWR | os.O_CREAT, 0o600)
          fcntl.ioctl(target, 0x40049409, source)
      def dedupe(path, other):
          file = os.open(path, os.O_RDONLY)
          twin = os.open(other, os.O_RDONLY)
          size = os.fstat(file).st_size
          head = struct.pack('QQHHI', 0, size, 1, 0, 0)
          request = bytearray(head + struct.pack('qQQiI', file, 0, 0, 0, 0))
          fcntl.ioctl(twin, 0xC0189436, request)
          status = struct.unpack('qQQiI', request[24:])[3]
          if status < 0:
              raise OSError(-status, 'dedupe')
          if status:
              raise OSError(errno.EILSEQ, 'differs')
      def copy(path, other):
          if subprocess.call(['cp', '--reflink=always', path, other], stderr=subprocess.DEVNULL):
              raise OSError(errno.EIO, 'cp')
      def rename(path):
          os.rename(path, path + '.moved')
          os.rename(path + '.moved', path)
      def link(path):
          os.link(path, path + '.link')
          os.unlink(path + '.link')
      held = []
      def hold_mapping(path):
          file = os.open(path, os.O_RDONLY)
          held.append(mmap.mmap(file, 4096, mmap.MAP_SHARED, mmap.PROT_READ))
          os.close(file)
      opened = lambda flags: lambda path, other: os.open(path, flags)
      acts = {
          'read': opened(os.O_RDONLY), 'write': opened(os.O_WRONLY), 'both': opened(os.O_RDWR),
          'cut': opened(os.O_WRONLY | os.O_TRUNC), 'path': opened(os.O_PATH),
          'read_n': opened(os.O_RDONLY | os.O_NONBLOCK),
          'write_n': opened(os.O_WRONLY | os.O_NONBLOCK),
          'truncate': lambda path, other: os.truncate(path, os.stat(path).st_size // 2),
          'same': lambda path, other: os.truncate(path, os.stat(path).st_size),
          'clone': clone, 'dedupe': dedupe, 'copy': copy,
          'stat': lambda path, other: os.stat(path),
          'chmod': lambda path, other: os.chmod(path, 0o640),
          'utimes': lambda path, other: os.utime(path, (1, 1)),
          'rename': lambda path, other: rename(path),
          'link': lambda path, other: link(path),
          'unlink': lambda path, other: os.unlink(path),
          'hold_r': opened(os.O_RDONLY), 'hold_w': opened(os.O_WRONLY), 'hold_p': opened(os.O_PATH),
          'hold_m': lambda path, other: hold_mapping(path)}
      signal.signal(signal.SIGCHLD, signal.SIG_IGN)
      holders = []
      for line in sys.stdin:
          number, act, path, other = line.rstrip('\\n').split('\\t')
          if act == 'release':
              for holder in holders:
                  os.kill(holder, signal.SIGKILL)
              for holder in holders:
                  try:
                      os.waitpid(holder, 0)
                  except ChildProcessError:
                      pass
              holders = []
              os.write(1, (number + ' ok\\n').encode())
              continue
          child = os.fork()
          if child and act.startswith('hold'):
              holders.append(child)
          if child == 0:
              signal.signal(signal.SIGCHLD, signal.SIG_DFL)
              result = 'ok'
              try:
                  acts[act](path, other)
              except OSError as error:
                  result = errno.errorcode[error.errno]
              if not act.startswith('hold'):
                  os.closerange(3, 256)
              os.write(1, (number + ' ' + result + '\\n').encode())
              while act.startswith('hold'):
                  signal.pause()
              os._exit(0)
      """;

  private final Process process;
  private final BufferedWriter requests;
  private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
  private int number;

  /** Starts the Python. */
  public Neighbours() throws IOException {
    process =
        new ProcessBuilder("python3", "-c", SCRIPT)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    requests = process.outputWriter(UTF_8);
    BufferedReader reader = process.inputReader(UTF_8);
    Thread.ofPlatform()
        .daemon()
        .name("neighbours")
        .start(() -> reader.lines().forEach(answers::add));
  }

  /** Something that one of them does; there is one at a time. */
  public final class Doing {
    private final int mine;

    private Doing(int mine) {
      this.mine = mine;
    }

    /** Whether it has said nothing yet. */
    public boolean isUnderWay() {
      return answers.stream().noneMatch(answer -> answer.startsWith(mine + " "));
    }

    /** Waits for its answer: {@code ok} or the name of an errno. */
    public String result() throws InterruptedException {
      String answer;
      do {
        answer = answers.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        if (answer == null) {
          throw new AssertionError("no answer to " + mine);
        }
        // Another one's, whose test has failed and did not wait for it.
      } while (!answer.startsWith(mine + " "));
      return answer.substring(answer.indexOf(' ') + 1);
    }
  }

  /** Begins something. */
  public Doing begin(Act act, Path path, Path other) throws IOException {
    return send(act.word, path, other);
  }

  private Doing send(String word, Path path, Path other) throws IOException {
    int mine = ++number;
    requests.write(
        Stream.of(mine, word, path, other).map(String::valueOf).collect(Collectors.joining("\t")));
    requests.write("\n");
    requests.flush();
    return new Doing(mine);
  }

  /** Those that keep something are gone when this returns. */
  public void endHolders() throws IOException, InterruptedException {
    if (!send("release", Path.of(""), Path.of("")).result().equals("ok")) {
      throw new AssertionError("holders do not end");
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    List<ProcessHandle> children = process.descendants().toList();
    process.destroyForcibly().waitFor();
    children.forEach(ProcessHandle::destroyForcibly);
  }
}
