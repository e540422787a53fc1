package io.selkie.test.fire;

import io.selkie.test.support.ServerProcess;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** What is under fire: files, and how they are served, reached by others, and looked at. */
interface Ground extends AutoCloseable {

  /** A server of it that is to be started. */
  ServerProcess.Builder server(Path scratch);

  /** Who looks after a file of it; the file is there when this returns, full of a mark. */
  Witness witness(int file, int bytes, Board board, Marks marks, Consumer<String> violations)
      throws Exception;

  /** What can be done to its files. */
  Set<Attack.Strike> strikes();

  /** What a witness can do with a file. */
  Set<Witness.Act> acts();

  /** How an administrator names a file. */
  Map.Entry<String, Object> named(Witness witness);

  /**
   * Looks at all of it when there is neither server nor client any more.
   *
   * @param contents of the witnesses' files
   * @return what was looked at, for people
   */
  String scan(Map<Path, ByteBuffer> contents, Consumer<String> violations) throws Exception;
}
