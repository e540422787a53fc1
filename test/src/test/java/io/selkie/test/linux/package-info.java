/** The stock Linux client in a virtual machine; the rig itself is {@code test/vm}. */
package io.selkie.test.linux;
