/**
 * The direct-access client library and its commands. It shares the protocol with the server and
 * nothing of the server's own code.
 *
 * <p>In short:
 *
 * <pre>{@code
 * try (SelkieClient client = SelkieClient.connect("host", 2049, ClientOptions.defaults());
 *     Arena arena = Arena.ofShared()) {
 *   MemorySegment page = arena.allocate(4096, 4096);
 *   try (DirectFile file =
 *       client.open("/export/data", DirectMode.REQUIRE, WRITE, CREATE, TRUNCATE_EXISTING)) {
 *     file.setSize(1 << 30); // the layout reaches no further than the file
 *     file.write(page, 4096); // one-sided; in the file when it returns
 *     file.sync(); // durable when it returns
 *     file.read(page, 4096); // no allocation, no other thread
 *     CompletableFuture<Long> later = file.readAsync(page, 8192);
 *     later.join();
 *   }
 *   System.out.println(client.counters().snapshot()); // nfs_read_bytes_total stays 0
 * }
 * }</pre>
 *
 * <p>{@link io.selkie.client.DirectFile} says what a write means and what happens when the server
 * takes a layout back; {@link io.selkie.client.RecallBehaviour} makes clients that misbehave. A
 * client that dies without a word is made with {@link io.selkie.client.SelkieClient#abandon}.
 * Everything below this package may change.
 */
package io.selkie.client;
