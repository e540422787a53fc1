/**
 * The passthrough file system: NFS names, handles and attributes over directories of a local file
 * system, never outside of them, with one open file description per inode.
 */
package io.selkie.server.vfs;
