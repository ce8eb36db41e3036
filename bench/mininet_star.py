#!/usr/bin/python3
"""Wire a star of subnets in Mininet and unwire it, and say how long that took.

    mininet_star.py SUBNETS

One router and SUBNETS hosts, each host joined to the router by a link of its
own, as in Mininet's examples/linuxrouter.py without the switches, which only
cost more. Prints the milliseconds up and down. It fails if the first host does
not reach the last.
"""

import sys
import time

from mininet.net import Mininet
from mininet.node import Node
from mininet.topo import Topo


class LinuxRouter(Node):
    """A host that forwards."""

    def config(self, **params):
        super().config(**params)
        self.cmd("sysctl -w net.ipv4.ip_forward=1")

    def terminate(self):
        self.cmd("sysctl -w net.ipv4.ip_forward=0")
        super().terminate()


def address(subnet, host):
    """The host's address in the subnet-th /26 of 10.12.0.0/16."""
    return "10.12.%d.%d" % (subnet // 4, subnet % 4 * 64 + host)


class Star(Topo):
    """A router and one host a subnet."""

    def build(self, subnets):
        router = self.addNode("r", cls=LinuxRouter, ip=address(0, 62) + "/26")
        for i in range(subnets):
            host = self.addHost(
                "h%d" % i,
                ip=address(i, 10) + "/26",
                defaultRoute="via " + address(i, 62),
            )
            self.addLink(
                host,
                router,
                intfName2="r-eth%d" % i,
                params2={"ip": address(i, 62) + "/26"},
            )


start = time.monotonic()
subnets = int(sys.argv[1])
net = Mininet(topo=Star(subnets=subnets), controller=None)
net.start()
up = time.monotonic() - start
answer = net.get("h0").cmd("ping -c 1 -W 5 " + address(subnets - 1, 10))
start = time.monotonic()
net.stop()
if ", 0% packet loss" not in answer:
    sys.exit("the first host does not reach the last: " + answer)
print(up * 1000, (time.monotonic() - start) * 1000)
