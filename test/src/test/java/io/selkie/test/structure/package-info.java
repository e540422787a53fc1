/** Style and structure as tests: what a reviewer would otherwise have to say again and again. */
package io.selkie.test.structure;
