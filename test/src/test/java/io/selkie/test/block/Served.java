package io.selkie.test.block;

import java.nio.file.Path;

/** A file system of the server's machine, and where the client has it. */
interface Served {

  /** Short name: of the export, and of the directories that it is mounted on. */
  String title();

  /** Where the server's machine has it mounted. */
  default Path root() {
    return Path.of("/tmp", title());
  }

  /** A file as processes of the server's machine name it. */
  default Path local(String name) {
    return root().resolve(name);
  }

  /** Where the client has it mounted. */
  default String mount() {
    return "/mnt/" + title();
  }

  /** A file as processes of the client's machine name it. */
  default String remote(String name) {
    return mount() + "/" + name;
  }
}
