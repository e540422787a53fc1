/**
 * Fencing under fire: clients in processes of their own flood files with one-sided writes while
 * layouts are recalled and fenced, files are cut and clients are killed at random. Not one byte may
 * land after its fence (S3).
 */
package io.selkie.test.fire;
