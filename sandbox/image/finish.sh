#!/bin/sh
# Last step of both ways to make the image: prepared libraries, what the agent expects, and less for programs to look at.
set -e
bash /provender-image/toolchains prepare
rm -rf /provender-image /tmp /var/tmp
ln -s /box/tmp /tmp
ln -s /box/tmp /var/tmp
mkdir -p /box
rm -f /etc/shadow* /etc/gshadow* /etc/machine-id /var/lib/dbus/machine-id
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /var/cache/debconf/*-old
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/lintian
find / -xdev -perm /6000 -type f -exec chmod a-s {} +
