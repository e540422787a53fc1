package io.selkie.posix;

import jnr.ffi.LibraryLoader;

/**
 * The binding of the C library, made once for all that can share it: jnr-ffi generates and loads
 * code for each, which a small program like the keeper of leases notices.
 */
final class Bindings {

  static final LibC LIBC = LibraryLoader.create(LibC.class).load("c");

  private Bindings() {}
}
