/** Server, client and commands on an RDMA device, in a virtual machine that has one. */
package io.selkie.test.verbs;
