/**
 * Layouts as a client holds them: getting, using, committing and returning them, with the devices
 * they point to and the recalls that take them away.
 */
package io.selkie.client.layout;
