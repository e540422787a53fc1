package io.selkie.server.session;

import io.selkie.protocol.nfs4.NfsTime4;

/**
 * Who this server is towards its clients (RFC 8881 sections 2.10.4 and 2.10.5).
 *
 * @param bootEpoch a number that no earlier run of this server had, such as the second it started:
 *     the upper half of every client ID, so that one from before a restart is recognised as stale
 * @param majorId so_major_id: the same for all addresses of this server, and for no other server
 * @param scope eir_server_scope: the same for servers that recognise each other's file handles
 * @param implDomain nii_domain
 * @param implName nii_name: product and version
 * @param implDate nii_date
 */
public record ServerIdentity(
    int bootEpoch,
    String majorId,
    String scope,
    String implDomain,
    String implName,
    NfsTime4 implDate) {}
