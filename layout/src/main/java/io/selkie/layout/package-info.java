/**
 * The arbiter: who holds which part of which file, grants, conflicts, recall and fencing. Layout
 * types plug in here, each with its own encoding; sockets are nowhere in sight.
 *
 * <p>A file's decisions are a state machine, {@code FileLayouts}: events go in under a short lock,
 * effects come out and are run without it ({@code EffectRunner}), and what comes of them are events
 * again. So no lock is held over the kernel, the network or a callback, and a simulation runs the
 * very same code on one thread.
 */
package io.selkie.layout;
