/**
 * Style and structure as tests: the module graph, the format, and what a reviewer would otherwise
 * have to say again and again.
 */
package io.selkie.test.structure;
