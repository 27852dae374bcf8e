"""CSV and its relatives: any lines are read, each with all its words, or set aside, or the file is refused."""

from __future__ import annotations

from lines import check_reading, marked

SEEDS = [
    b'\0id,title,price\n1,Mug,2.5\n2,"Red, ""big"" mug",3\n',
    b"\1id;title\n1;Gr\xf6\xdfe\n2;Gr\xc3\xb6\xc3\x9fe\n3;'a\n",
    "\0编号\t名称\n1\t红色\n".encode() + "2\t蓝色\n".encode("gbk"),
    b"\2a|b\n1|2|3\n|\n4\n",
    b"\0a::b\n1::2\n",
    b'\1a,b\n"1,2\n3","4\n\x00,\x07\n',
    b'\0,"::b\n0::2]\n2\t\xc0\xb6\xc9\t\n',
    b'\0title, ""big"" m\x00,price\n\t\x8f1" mug",3\n',
    b"\1\x1c\x1c\0\x1c\0",
]


def check(data: bytes) -> None:
    check_reading(*marked(data, b"%s,%s"), "items.csv")
