/**
 * Where queue pairs come in: each is bound to the NFS client whose session it names, and goes with
 * that session.
 */
package io.selkie.server.direct;
