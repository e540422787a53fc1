package io.selkie.config;

import java.nio.file.Path;

/**
 * One exported directory.
 *
 * @param path an existing directory, absolute after loading
 * @param name its name beneath the server's root; the directory's own name when not given
 * @param readOnly whether every change is refused with NFS4ERR_ROFS
 * @param layouts whether clients may get layouts of its files and reach them one-sided
 */
public record ExportConfig(
    @Setting(min = 1, max = 4096) Path path,
    @Setting(value = Setting.NOTHING, min = 1, max = 255) String name,
    @Setting("false") boolean readOnly,
    @Setting("true") boolean layouts) {}
