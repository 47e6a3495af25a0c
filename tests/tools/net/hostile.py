"""Addresses and URLs that must be refused, each for a reason of its own, and ordinary ones that must not be."""

from __future__ import annotations

# Both ends of each range that is special in IPv4, and what lives in them.
SPECIAL_4 = (
    *("0.0.0.0", "0.0.0.1", "0.255.255.255"),
    *("10.0.0.0", "10.1.2.3", "10.255.255.255"),
    *("100.64.0.0", "100.100.100.200", "100.127.255.255"),
    *("127.0.0.0", "127.0.0.1", "127.0.0.53", "127.255.255.255"),
    *("168.63.129.16",),
    *("169.254.0.0", "169.254.0.23", "169.254.42.42", "169.254.169.250", "169.254.169.254", "169.254.170.2"),
    *("169.254.170.23", "169.254.255.255"),
    *("172.16.0.0", "172.17.0.1", "172.31.255.255"),
    *("192.0.0.0", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.0.255"),
    *("192.0.2.0", "192.0.2.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255"),
    *("192.88.99.0", "192.88.99.1", "192.88.99.255"),
    *("192.168.0.0", "192.168.1.1", "192.168.255.255"),
    *("198.18.0.0", "198.19.255.255"),
    *("224.0.0.0", "224.0.0.251", "239.255.255.250", "239.255.255.255"),
    *("240.0.0.0", "250.1.2.3", "255.255.255.254", "255.255.255.255"),
)

SPECIAL_6 = (
    *("::", "::1", "::2", "0:0:0:0:0:0:0:1", "::7f00:1", "::127.0.0.1", "::ffff:0:0"),
    *("::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe"),
    *("::ffff:192.168.0.1", "::ffff:8.8.8.8", "0:0:0:0:0:ffff:c0a8:0001", "::ffff:0:127.0.0.1"),
    *("64:ff9b::", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::8.8.8.8"),
    *("64:ff9b:1::", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    *("100::", "100::1", "100::ffff:ffff:ffff:ffff"),
    *("2001::", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
    *("2001:1::1", "2001:2::", "2001:3::1", "2001:4:112::1", "2001:10::", "2001:1f::1", "2001:20::", "2001:2f::1"),
    *("2001:30::1", "2001:1ff:ffff::1"),
    *("2001:db8::", "2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::1", "3fff:fff::1"),
    *("2002::", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:101::1", "2002:808:808::1"),
    *("2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1"),
    *("4000::1", "5f00::1", "8000::1", "e000::1", "200::1", "400::1"),
    *("fc00::", "fc00::1", "fd00::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd00:ec2::253", "fd00:ec2::123", "fd20:ce::254", "fd00:42::42"),
    *("fd00:c1::a9fe:a9fe",),
    *("fe80::", "fe80::1", "fe80::a9fe:a9fe", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    *("fec0::", "fec0::1", "feff::1"),
    *("ff00::", "ff01::1", "ff02::1", "ff02::fb", "ff05::1:3", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
)

# What stays refused where a target is marked internal.
NEVER = (
    *("0.0.0.0", "0.0.0.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "169.254.169.254", "169.254.170.2"),
    *("192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe", "2001::1", "2002:7f00:1::", "2606:4700::5efe:127.0.0.1"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "fd00:c1::a9fe:a9fe"),
    *("fe80::1", "fec0::1", "ff02::1", "4000::1"),
)

OWN = (
    *("10.0.0.1", "10.255.255.255", "127.0.0.1", "127.0.0.53", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("::1", "fc00::1", "fd12:3456:789a::1"),
)

# The first and the last address outside of a range, beside well-known public ones.
PUBLIC = (
    *("1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34"),
    *("100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
    *("168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"),
    *("191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255"),
    *("203.0.114.0", "223.255.255.255"),
    *("2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2003::1"),
    *("2606:4700:4700::1111", "2620:fe::fe", "2a00:1450:4001:830::200e", "3ffe:ffff::1", "3fff:1000::1"),
)

SCHEMES = (
    *("", "/", "//", "//8.8.8.8/", "8.8.8.8", "example.com", "example.com:443/x", "www.example.com"),
    *("http", "http:", "http:/", "http://", "https://", "http:///", "http:////8.8.8.8/", "http:/8.8.8.8/"),
    *("http:8.8.8.8/", "https:example.com", "http//example.com", "http;//example.com", "htt p://example.com"),
    *("file:///etc/passwd", "file://example.com/etc/passwd", "FILE:///etc/passwd", "ftp://example.com/"),
    *("ftps://example.com/", "sftp://example.com/", "gopher://example.com:70/_x", "dict://example.com:2628/d:x"),
    *("ldap://example.com/", "ldaps://example.com/", "tftp://example.com/x", "smb://example.com/x", "jar:http://a.b!/"),
    *("data:text/html,hello", "javascript:alert(1)", "about:blank", "blob:https://example.com/1", "netdoc:///etc/x"),
    *("ws://example.com/", "wss://example.com/", "ssh://example.com", "telnet://example.com", "unix:/run/x.sock"),
    *("http+unix://%2Frun%2Fdocker.sock/info", "view-source:http://example.com/", "url:http://example.com/"),
    *("mailto:a@example.com", "php://filter/resource=x", "expect://id", "phar://x", "git://example.com/x"),
    *("httpx://example.com/", "xhttp://example.com/", "https+http://example.com/", "http\uff1a//example.com/"),
)

SPELLINGS = (
    *("http://0/", "http://0x0/", "http://1/", "http://127.1/", "http://127.0.1/", "http://127.1:8080/"),
    *("http://2130706433/", "http://02130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7F000001/"),
    *("http://0X7f.1/", "http://0x7f.0.0.1/", "http://127.0.0.0x1/", "http://0177.0.0.1/", "http://0177.0.0.01/"),
    *("http://127.0.0.01/", "http://127.000.000.001/", "http://0000127.0.0.1/", "http://0o177.0.0.1/", "http://1.0x/"),
    *("http://0x7f.0x0.0x0.0x1/", "http://00000177.0.0.1/", "http://4294967295/", "http://4294967296/"),
    *("http://127.0.0.256/", "http://383.0.0.1/", "http://127.0.0.4294967297/", "http://127.0.0.1.5/"),
    *(
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://025177524776/",
        "http://169.16689662/",
        "http://169.254.43518/",
    ),
    *(
        "http://0xA9.0xFE.0xA9.0xFE/",
        "http://0251.0376.0251.0376/",
        "http://0251.254.169.254/",
        "http://425.510.425.510/",
    ),
    *("http://7147006462/", "http://0x41414141a9fea9fe/", "http://134744072/", "http://8.8.2056/", "http://8.526344/"),
    *("http://010.8.8.8/", "http://0x8.8.8.8/", "http://8.8.8.8./", "http://8.8.8.8../", "http://8.8.8.08/"),
    *(
        "http://127.0.0.1./",
        "http://localhost./",
        "http://example.com./",
        "http://.example.com/",
        "http://a..example.com/",
    ),
    *("http://metadata.google.internal./", "http://169.254.169.254./", "http://./", "http://../", "http://.../"),
    *("http://\uff11\uff12\uff17.0.0.1/", "http://\u2460\u2461\u2466.0.0.1/", "http://127\u30020\u30020\u30021/"),
    *("http://127\uff0e0\uff0e0\uff0e1/", "http://127\uff610\uff610\uff611/", "http://8\u30028\u30028\u30028/"),
    *(
        "http://\u0661\u0662\u0667.0.0.1/",
        "http://\u00b9\u00b2\u2077.0.0.1/",
        "http://\U0001d7d9\U0001d7da\U0001d7df.0.0.1/",
    ),
    *(
        "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/",
        "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7.com/",
    ),
    *(
        "http://\u2488\u2488\u2488\u2488/",
        "http://e\uff58ample.com/",
        "http://exam\u017fple.com/",
        "http://\u212aelvin.com/",
    ),
    *(
        "http://127.0.0.1%00.example.com/",
        "http://127%2e0%2e0%2e1/",
        "http://%31%32%37.0.0.1/",
        "http://%6c%6fcalhost/",
    ),
    *("http://example.com%2f@127.0.0.1/", "http://example%E3%80%82com/", "http://exa%6dple.com/"),
    *("http://exa_mple-.com/", "http://-example.com/", "http://a,b.com/", "http://a;b.com/", "http://a!b.com/"),
    *("http://a$b.com/", "http://{host}.example.com/", "http://a*.com/", "http://a'b.com/", "http://a|b.com/"),
    *("http://a<b>.com/", "http://a`id`.com/", 'http://a"b.com/', "http://a^b.com/", "http://xn--\u00e9.com/"),
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 130}com/",
    "http://" + "\u00fc" * 64 + ".com/",
    f"http://example.com/{'a' * 9000}",
)

SPELLINGS_6 = (
    *("http://::1/", "http://fe80::1/", "http://2606:4700:4700::1111/", "http://[/", "http://]/", "http://[]/"),
    *("http://[::1/", "http://::1]/", "http://[[::1]]/", "http://[::1]x/", "http://x[::1]/", "http://[::1]:/"),
    *("http://[::1]8080/", "http://[::1]]:80/", "http://[127.0.0.1]/", "http://[8.8.8.8]/", "http://[example.com]/"),
    *("http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1%25lo]/", "http://[2606:4700::1%25eth0]/"),
    *("http://[2606:4700::1%eth0]/", "http://[2606:4700::1%]/", "http://[v1.fe80::a]/", "http://[::ffff:127.0.0.01]/"),
    *("http://[::ffff:127.1]/", "http://[::ffff:0x7f.0.0.1]/", "http://[::\uff11]/", "http://[1:2:3:4:5:6:7:8:9]/"),
    *(
        "http://[2606:4700:::1]/",
        "http://[ ::1]/",
        "http://[::1 ]/",
        "http://[12345::1]/",
        "http://[::1][2606:4700::1]/",
    ),
    *("http://[::1]@[2606:4700::1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[::FFFF:7F00:1]/"),
)

USERINFO = (
    *("http://user@example.com/", "http://user:password@example.com/", "http://@example.com/", "http://:@example.com/"),
    *("http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1/", "http://127.0.0.1@example.com/"),
    *("http://127.0.0.1:80@example.com:80/", "http://a@b@example.com/", "http://example.com%40127.0.0.1/"),
    *("http://example.com%00@127.0.0.1/", "http://example.com%23@127.0.0.1/", "http://user%3apw@example.com/"),
    *("http://example.com#@127.0.0.1/", "http://example.com?@127.0.0.1/", "http://127.0.0.1#@example.com/"),
    *("http://example.com:80#@127.0.0.1:80/", "http://example.com:@127.0.0.1/", "http://example.com:80@/"),
    *("http://user@[::1]/", "http://[::1]@example.com/", "http://foo@8.8.8.8:80@127.0.0.1/", "http://x:y:z@8.8.8.8/"),
    *("http://example.com;@127.0.0.1/", "http://example.com,127.0.0.1/", "http://example.com&@127.0.0.1#@8.8.8.8/"),
    *(
        "http://example.com\uff20127.0.0.1/",
        "http://example.com\uff0f@127.0.0.1/",
        "http://example.com\uff03@127.0.0.1/",
    ),
)

CHARACTERS = (
    *(
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http:\\\\example.com\\",
        "http:/\\example.com",
    ),
    *("http://example.com\\.127.0.0.1/", "http://example.com/\\..\\x", "http://example.com/?\\", "\\\\example.com\\x"),
    *("http://8.8.8.8:80\\@127.0.0.1:80/", "http://8.8.8.8:80:\\@@127.0.0.1:80/", "http://8.8.8.8#\\@127.0.0.1/"),
    *(
        " http://example.com/",
        "http://example.com/ ",
        "\thttp://example.com/",
        "http://example.com/\n",
        "\nhttp://a.com",
    ),
    *("http://exam ple.com/", "http://example.com /", "http:// example.com/", "http://8.8.8.8 &@127.0.0.1# @8.8.4.4/"),
    *("http://exam\tple.com/", "ht\ntp://example.com/", "http://example.com/\x00", "http://example.com\x00.x.com/"),
    *(
        "http://example.com/\r\nHost: 127.0.0.1",
        "http://example.com\r\nX: y/",
        "http://example.com/a\rb",
        "http://a.com/\n",
    ),
    *(
        "http://example.com:80\r\n/",
        "http://127.0.0.1\r.example.com/",
        "http://example.com/\x0b",
        "http://example.com/\x0c",
    ),
    *("http://example.com/\x7f", "http://example.com/\x85", "http://example.com/\xa0", "http://exam\xadple.com/"),
    *("http://example\u200b.com/", "http://example.com/\u200b", "http://local\u200dhost/", "http://\u202eexample.com/"),
    *(
        "http://example.com/\u2028x",
        "http://example.com/\u3000",
        "\ufeffhttp://example.com/",
        "http://example.com/\ud800",
    ),
    *("http://localhost\u00ad/", "http://127.0.0.1\u2060/", "http://example.com/\U000e0041"),
)

PORTS = (
    *("http://example.com:/", "http://example.com:0/", "http://example.com:00/", "http://example.com:080/"),
    *("http://example.com:-1/", "http://example.com:+80/", "http://example.com:65536/", "http://example.com:99999/"),
    *("http://example.com:100000/", "http://example.com:80:80/", "http://example.com:8 0/", "http://example.com:0x50/"),
    *(
        "http://example.com:http/",
        "http://example.com:80a/",
        "http://example.com:\uff18\uff10/",
        "http://example.com:\u0668\u0660/",
    ),
    *("http://example.com:1/", "http://example.com:21/", "http://example.com:22/", "http://example.com:23/"),
    *("http://example.com:25/", "http://example.com:53/", "http://example.com:81/", "http://example.com:110/"),
    *("http://example.com:111/", "http://example.com:139/", "http://example.com:143/", "http://example.com:389/"),
    *("http://example.com:445/", "http://example.com:465/", "http://example.com:587/", "http://example.com:873/"),
    *("http://example.com:993/", "http://example.com:1023/", "http://example.com:1433/", "http://example.com:2049/"),
    *("http://example.com:2375/", "http://example.com:2379/", "http://example.com:3306/", "http://example.com:3389/"),
    *("http://example.com:5432/", "http://example.com:5672/", "http://example.com:5900/", "http://example.com:6379/"),
    *("http://example.com:6667/", "http://example.com:9200/", "http://example.com:10250/", "http://example.com:11211/"),
    *("http://example.com:27017/", "https://8.8.8.8:6379/", "https://[2606:4700:4700::1111]:22/"),
)

NAMES = (
    *(
        "http://localhost/",
        "http://localhost:8000/",
        "https://LOCALHOST/",
        "http://LocalHost:80/",
        "http://a.localhost/",
    ),
    *(
        "http://localhost.localdomain/",
        "http://printer.local/",
        "http://db.internal/",
        "http://wiki.corp/",
        "http://nas.lan/",
    ),
    *("http://router.home/", "http://nas.home.arpa/", "http://wiki.intranet/", "http://x.private/", "http://x.onion/"),
    *(
        "http://postgres/",
        "http://redis:8000/",
        "http://kubernetes/",
        "http://kubernetes.default.svc/",
        "http://x.invalid/",
    ),
    *(
        "http://kubernetes.default.svc.cluster.local/",
        "http://host.docker.internal/",
        "http://gateway.docker.internal/",
    ),
    *("http://metadata/", "http://metadata/computeMetadata/v1/", "http://metadata.google.internal/computeMetadata/v1/"),
    *("https://METADATA.google.internal/", "http://metadata.goog/", "http://instance-data/latest/meta-data/"),
    *("http://instance-data.ec2.internal/", "http://rancher-metadata/", "http://metadata.azure.internal/metadata/"),
    *("http://metadata.tencentyun.com/latest/", "http://ip-10-0-0-1.ec2.internal/", "http://metadata.oraclecloud.com/"),
)

URLS = (*SCHEMES, *SPELLINGS, *SPELLINGS_6, *USERINFO, *CHARACTERS, *PORTS, *NAMES)
ADDRESSES = (*SPECIAL_4, *SPECIAL_6)
