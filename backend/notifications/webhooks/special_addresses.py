"""Addresses outside the public internet: IANA's special-purpose registries (RFC 6890).

A copy, because Python's tables differ between versions (3.11 takes 192.88.99.1 and 3fff::1 for public). Blocks for
protocols are refused as a whole: some of their addresses are reachable, but no brand's system is there.
"""

from ipaddress import IPv4Network, IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast (RFC 5771)
IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # shared, behind carriers' NAT, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "169.254.0.0/16",  # link local, RFC 3927
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.31.196.0/24",  # AS112, RFC 7535
        "192.52.193.0/24",  # AMT, RFC 7450
        "192.88.99.0/24",  # 6to4 relays, deprecated, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "192.175.48.0/24",  # AS112, RFC 7534
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, RFC 1112, and broadcast
    )
)
# Of https://www.iana.org/assignments/iana-ipv6-special-registry the part in 2000::/3: nothing else is unicast in the
# public internet.
GLOBAL_UNICAST = IPv6Network("2000::/3")
IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo and ORCHID among them, RFC 2928
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4: an IPv4 address inside, which a relay would go to, RFC 3056
        "2620:4f:8000::/48",  # AS112, RFC 7534
        "3fff::/20",  # documentation, RFC 9637
    )
)
