/**
 * NFSv4 operations on files, opens and layouts: one small class each, and one line in {@link
 * io.selkie.server.ops.FileOperations}. What changes a block map or who may reach a file asks the
 * arbiter of layouts first, and answers NFS4ERR_DELAY while layouts are recalled for it.
 */
package io.selkie.server.ops;
