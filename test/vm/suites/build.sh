#!/bin/bash
# title: a C project from its Debian source package: unpacked, built, its own tests run
# kind: compare
# versions: 4.1 4.2
# seconds: 500
set -eu
export LC_ALL=C SOURCE_DATE_EPOCH=1700000000

echo '== unpack'
# The keys that signed it are not in the guest; its checksums are verified.
dpkg-source --no-check -q -x /source/*.dsc project
cd project
find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
find . | wc -l

echo '== configure'
CFLAGS=-O1 ./configure --static > ../configure.log
grep -v '^CFLAGS' Makefile | sha256sum

echo '== build'
make -j 2 static > ../make.log 2>&1
for program in libz.a example minigzip; do
  sha256sum "$program"
done

echo '== its own tests'
make teststatic > ../test.log 2>&1
cat ../test.log | grep -a -E 'test|hello|get' | grep -v -E 'rm -f|zlib version|compile flags'

echo '== archive of it all'
find . -type f -newer ../configure.log | sort | wc -l
tar --sort=name --mtime=@0 --owner=0 --group=0 --mode=go-w -cf ../project.tar --exclude='*.log' .
sha256sum < ../project.tar
mkdir ../again
tar -C ../again -xf ../project.tar
diff -r --no-dereference . ../again && echo same

echo '== removal'
cd ..
rm -rf project again
ls
