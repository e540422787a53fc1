/** Storage that went bad: where it is, whose files it is under, and that nobody reaches it. */
package io.selkie.server.media;
