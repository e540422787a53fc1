/**
 * NFSv4 operations on files, opens and layouts: one small class each, and one line in the table
 * they are put together in.
 */
package io.selkie.server.ops;
