/** Says what a machine and a path can do for direct access, and why not. */
package io.selkie.lease.doctor;
