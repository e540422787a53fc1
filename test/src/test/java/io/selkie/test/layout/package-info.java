/** The arbiter on the real kernel, real files and real RDMA regions, without a server around it. */
package io.selkie.test.layout;
