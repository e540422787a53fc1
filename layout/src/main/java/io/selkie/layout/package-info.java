/**
 * The arbiter: who holds which part of which file, grants, conflicts, recall and fencing. Layout
 * types plug in here, each with its own encoding; sockets are nowhere in sight.
 */
package io.selkie.layout;
