package io.selkie.test.drill;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * All that is known when a scenario is over; nothing of it changes any more.
 *
 * @param recallTimeoutMillis the server's
 * @param kernelMillis after so long the kernel takes a lease
 * @param startedNanos when the first step began
 * @param endedNanos when the last one was over
 * @param marks what the drill saw itself, clients included
 * @param events the server's, of the scenario's files and clients
 * @param clientIds names by id
 * @param localActs by name
 * @param accesses by client
 * @param layoutsLeft that a client held before it was sent away, by its name
 * @param files by name: what became of each
 * @param server how it stood then
 * @param failure why the steps did not come to their end
 */
record Evidence(
    long recallTimeoutMillis,
    long kernelMillis,
    long startedNanos,
    long endedNanos,
    List<Mark> marks,
    List<Happening> events,
    Map<String, String> clientIds,
    Map<String, Stage.LocalAct> localActs,
    Map<String, Accesses.Tally> accesses,
    Map<String, Integer> layoutsLeft,
    Map<String, FileState> files,
    ServerAtEnd server,
    Optional<String> failure) {

  /**
   * A file at the end.
   *
   * @param fileName below the scenario's directory
   * @param there whether it is
   * @param sizeBytes of it
   * @param sureBytes that could be compared
   * @param difference between what it holds and what it must
   */
  record FileState(
      String fileName, boolean there, int sizeBytes, int sureBytes, Optional<String> difference) {}

  /** Events of a kind. */
  Stream<Happening> events(String event) {
    return events.stream().filter(one -> one.event().equals(event));
  }

  /** Events of a kind of a client, and of a file if one is named. */
  List<Happening> events(String event, String client, Optional<String> file) {
    Predicate<Happening> ofFile =
        file.<Predicate<Happening>>map(name -> one -> one.isOf(name)).orElse(_ -> true);
    return events(event)
        .filter(one -> client.equals(clientIds.get(one.client())))
        .filter(ofFile)
        .toList();
  }

  /** The numbers of recalls that these belong to, for people. */
  static String recalls(List<Happening> events) {
    List<String> numbers =
        events.stream()
            .map(Happening::recall)
            .filter(number -> number != 0)
            .distinct()
            .map(number -> "#" + number)
            .toList();
    return numbers.isEmpty() ? "no recall" : "recall " + String.join(", ", numbers);
  }
}
