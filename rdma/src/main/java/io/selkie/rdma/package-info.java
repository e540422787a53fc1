/**
 * Protection domains, registered regions and queue pairs behind one small interface, and the
 * providers that implement it. One test suite serves all providers.
 */
package io.selkie.rdma;
