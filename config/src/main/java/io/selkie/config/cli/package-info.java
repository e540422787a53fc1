/**
 * The seam through which modules add commands to the program: small enough to live below all of
 * them, so that no module has to import another one for it.
 */
package io.selkie.config.cli;
