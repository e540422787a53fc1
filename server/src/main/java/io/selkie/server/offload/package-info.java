/**
 * Work that goes on after its request was answered: asynchronous COPY (RFC 7862 section 4), its
 * stateids and CB_OFFLOAD.
 */
package io.selkie.server.offload;
