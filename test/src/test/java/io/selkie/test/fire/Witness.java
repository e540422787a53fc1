package io.selkie.test.fire;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Knows what may be in a file. Whoever has it open for writing keeps the server from sealing it, so
 * that no grant lives: then nothing may change but by him, what he finds may only be of grants that
 * lived since the file was last in such a hand, and what he writes stays until the next grant.
 *
 * <p>One thread at a time; it holds the lock.
 */
final class Witness {

  /** What to do with a file that one has to oneself. */
  enum Act {
    WRITE_OVER,
    CUT_TO_PART,
    CUT_AND_LEND
  }

  /** How the bytes of a file are reached by whoever has it open. */
  interface Contents {
    ByteBuffer read(FileChannel open) throws IOException;

    void write(FileChannel open, ByteBuffer content) throws IOException;
  }

  /** As those of any file. */
  static final Contents OF_FILES =
      new Contents() {
        @Override
        public ByteBuffer read(FileChannel open) throws IOException {
          ByteBuffer content = ByteBuffer.allocateDirect(Math.toIntExact(open.size()));
          while (content.hasRemaining() && open.read(content, content.position()) >= 0) {
            // As often as it takes.
          }
          return content.flip();
        }

        @Override
        public void write(FileChannel open, ByteBuffer content) throws IOException {
          long at = 0;
          while (content.hasRemaining()) {
            at += open.write(content, at);
          }
        }
      };

  private static final int NONE = -1;

  final ReentrantLock lock = new ReentrantLock();

  private final int file;
  private final Supplier<Path> path;
  private final Path borrower;
  private final Contents contents;
  private final int bytes;
  private final Board board;
  private final Marks marks;
  private final Consumer<String> violations;

  /** The least grant that may have written what is there. */
  private int from;

  /** The mark that may be there. */
  private int mark = NONE;

  /** The mark that a file is full of that was given this one's blocks. */
  private int lent = NONE;

  private boolean zeros;

  /**
   * Of one file.
   *
   * @param path what to open to have it to oneself
   * @param borrower the file that is lent its blocks
   * @param told hears of violations
   */
  Witness(
      int file,
      Supplier<Path> path,
      Path borrower,
      Contents contents,
      int bytes,
      Board board,
      Marks marks,
      Consumer<String> told) {
    this.file = file;
    this.path = path;
    this.borrower = borrower;
    this.contents = contents;
    this.bytes = bytes;
    this.board = board;
    this.marks = marks;
    this.violations = told;
  }

  int file() {
    return file;
  }

  Path path() {
    return path.get();
  }

  /** Makes the file, before there is a server. */
  void create() throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            path(),
            EnumSet.of(
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE))) {
      fill(channel);
    }
  }

  /**
   * Opens the file, which waits for the end of all grants, looks at what is there, and leaves it
   * full of a new mark.
   *
   * @param cut lets the open cut it to nothing
   */
  void takeOver(boolean cut, Act act, SplittableRandom random)
      throws IOException, InterruptedException {
    Set<OpenOption> how =
        cut
            ? Set.of(
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)
            : Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
    try (FileChannel channel = FileChannel.open(path(), how)) {
      int upTo = board.grants();
      board.setOver(file, upTo);
      ByteBuffer found = contents.read(channel);
      judge("found", found, upTo);
      FireClient.pause(random.nextInt(1, 20));
      if (!contents.read(channel).equals(found)) {
        violations.accept(path() + " changes while no grant lives");
      }
      from = upTo;
      switch (act) {
        case WRITE_OVER -> {}
        case CUT_TO_PART -> channel.truncate(random.nextInt(bytes));
        case CUT_AND_LEND -> {
          channel.truncate(0);
          lend(random.nextInt(4) == 0);
        }
      }
      fill(channel);
      FireClient.pause(random.nextInt(1, 20));
      judge("after it was marked", contents.read(channel), upTo);
    }
    // Whoever has those blocks now has a right to them.
    if (lent != NONE) {
      try (FileChannel channel = FileChannel.open(borrower, StandardOpenOption.READ)) {
        judgeLent(OF_FILES.read(channel));
      }
    }
  }

  /** All grants are over that were numbered when it began, and it was cut to nothing since. */
  void wasCut(int grantsBefore) {
    board.setOver(file, grantsBefore);
    from = grantsBefore;
    mark = NONE;
    zeros = true;
  }

  /** Judges a whole file from outside: when there is neither server nor client any more. */
  ByteBuffer lastLook() throws IOException {
    try (FileChannel channel = FileChannel.open(path(), StandardOpenOption.READ)) {
      ByteBuffer found = contents.read(channel);
      judge("at the end", found, board.grants());
      return found;
    }
  }

  private void lend(boolean force) throws IOException {
    int number = marks.next();
    try (FileChannel channel =
        FileChannel.open(
            borrower,
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      OF_FILES.write(channel, Words.filled(bytes, Words.mark(number)));
      lent = number;
      if (force) {
        // Blocks are chosen only now, and those just freed are near.
        channel.force(false);
      }
    }
  }

  /** Leaves it full of a new mark. */
  void fill(FileChannel channel) throws IOException {
    int number = marks.next();
    contents.write(channel, Words.filled(bytes, Words.mark(number)));
    mark = number;
    zeros = false;
  }

  private void judge(String when, ByteBuffer content, int upTo) {
    Optional<String> wrong = Words.forbidden(content, word -> isAllowed(word, upTo));
    wrong.ifPresent(words ->
        violations.accept(
            "%s, %s: %s; allowed are grants of it from %d to %d and mark %d"
                .formatted(path(), when, words, from, upTo, mark)));
  }

  private boolean isAllowed(int word, int upTo) {
    if (Words.isGrant(word)) {
      int grant = Words.number(word);
      return grant >= from && grant < upTo && board.fileOf(grant) == file;
    }
    return word == 0 ? zeros : mark != NONE && word == Words.mark(mark);
  }

  private void judgeLent(ByteBuffer content) {
    Words.forbidden(content, word -> word == Words.mark(lent))
        .ifPresent(wrong -> violations.accept(borrower + ", of mark " + lent + ": " + wrong));
  }
}
