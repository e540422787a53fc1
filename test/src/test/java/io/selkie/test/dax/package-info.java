/** What needs DAX: runs in a guest with persistent memory. */
package io.selkie.test.dax;
