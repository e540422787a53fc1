/**
 * The engine that runs COMPOUND procedures, and the table of operations it runs. A new operation is
 * one class that implements {@link io.selkie.server.compound.Operation} and one line where the
 * table is put together.
 */
package io.selkie.server.compound;
