//! Characters outside of ASCII that some routers take for ASCII: by Unicode's compatibility forms (NFKC, UAX #15), or
//! because they compare without regard to case (the Kelvin sign is a capital `k`).

/// What a router may make of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    /// One character of ASCII, in small letters.
    Ascii(u8),
    /// Several of them.
    Text(&'static str),
    /// Nothing: it is not seen (UAX #44, Default_Ignorable_Code_Point), or it is a control character.
    Nothing,
    /// Itself.
    Same,
}

/// Characters in order, each followed by what it stands for, in rows so that few are looked at.
const TABLE: [&str; 18] = [
    "ªa²2³3¹1ºoßssİiıiĲijĳijſsǇljǈljǉljǊnjǋnjǌnjǱdzǲdzǳdzʰhʲjʳrʷwʸyˡlˢsˣx\u{37e};ᴬaᴮbᴰdᴱeᴳgᴴhᴵi",
    "ᴶjᴷkᴸlᴹmᴺnᴼoᴾpᴿrᵀtᵁuᵂwᵃaᵇbᵈdᵉeᵍgᵏkᵐmᵒoᵖpᵗtᵘuᵛvᵢiᵣrᵤuᵥvᶜcᶠfᶻzẞss\u{1fef}`․.‥..‼!!⁇??⁈?!⁉!?",
    "⁰0ⁱi⁴4⁵5⁶6⁷7⁸8⁹9⁺+⁼=⁽(⁾)ⁿn₀0₁1₂2₃3₄4₅5₆6₇7₈8₉9₊+₌=₍(₎)ₐaₑeₒoₓxₕhₖkₗlₘmₙnₚpₛsₜt₨rs℀a/c",
    "℁a/sℂc℅c/o℆c/uℊgℋhℌhℍhℎhℐiℑiℒlℓlℕn№noℙpℚqℛrℜrℝr℠sm℡tel™tmℤzℨzKkℬbℭcℯeℰeℱfℳmℴoℹi℻faxⅅd",
    "ⅆdⅇeⅈiⅉjⅠiⅡiiⅢiiiⅣivⅤvⅥviⅦviiⅧviiiⅨixⅩxⅪxiⅫxiiⅬlⅭcⅮdⅯmⅰiⅱiiⅲiiiⅳivⅴvⅵviⅶviiⅷviiiⅸixⅹx",
    "ⅺxiⅻxiiⅼlⅽcⅾdⅿm①1②2③3④4⑤5⑥6⑦7⑧8⑨9⑩10⑪11⑫12⑬13⑭14⑮15⑯16⑰17⑱18⑲19⑳20⑴(1)⑵(2)⑶(3)⑷(4)⑸(5)",
    "⑹(6)⑺(7)⑻(8)⑼(9)⑽(10)⑾(11)⑿(12)⒀(13)⒁(14)⒂(15)⒃(16)⒄(17)⒅(18)⒆(19)⒇(20)⒈1.⒉2.⒊3.⒋4.⒌5.",
    "⒍6.⒎7.⒏8.⒐9.⒑10.⒒11.⒓12.⒔13.⒕14.⒖15.⒗16.⒘17.⒙18.⒚19.⒛20.⒜(a)⒝(b)⒞(c)⒟(d)⒠(e)⒡(f)⒢(g)",
    "⒣(h)⒤(i)⒥(j)⒦(k)⒧(l)⒨(m)⒩(n)⒪(o)⒫(p)⒬(q)⒭(r)⒮(s)⒯(t)⒰(u)⒱(v)⒲(w)⒳(x)⒴(y)⒵(z)⓪0⩴::=⩵==",
    "⩶===ⱼjⱽv㉐pte㉑21㉒22㉓23㉔24㉕25㉖26㉗27㉘28㉙29㉚30㉛31㉜32㉝33㉞34㉟35㊱36㊲37㊳38㊴39㊵40㊶41㊷42㊸43㊹44",
    "㊺45㊻46㊼47㊽48㊾49㊿50㋌hg㋍erg㋎ev㋏ltd㍱hpa㍲da㍳au㍴bar㍵ov㍶pc㍷dm㍸dm2㍹dm3㍺iu㎀pa㎁na㎃ma㎄ka㎅kb㎆mb",
    "㎇gb㎈cal㎉kcal㎊pf㎋nf㎎mg㎏kg㎐hz㎑khz㎒mhz㎓ghz㎔thz㎖ml㎗dl㎘kl㎙fm㎚nm㎜mm㎝cm㎞km㎟mm2㎠cm2㎡m2㎢km2㎣mm3",
    "㎤cm3㎥m3㎦km3㎩pa㎪kpa㎫mpa㎬gpa㎭rad㎰ps㎱ns㎳ms㎴pv㎵nv㎷mv㎸kv㎹mv㎺pw㎻nw㎽mw㎾kw㎿mw㏂a.m.㏃bq㏄cc㏅cd㏇co.",
    "㏈db㏉gy㏊ha㏋hp㏌in㏍kk㏎km㏏kt㏐lm㏑ln㏒log㏓lx㏔mb㏕mil㏖mol㏗ph㏘p.m.㏙ppm㏚pr㏛sr㏜sv㏝wb㏿galꟲcꟳfꟴqﬀff",
    "ﬁfiﬂflﬃffiﬄfflﬅstﬆst﬩+︐,︓:︔;︕!︖?︙...︰..︳_︴_︵(︶)︷{︸}﹇[﹈]﹍_﹎_﹏_﹐,﹒.﹔;﹕:﹖?﹗!﹙(﹚)﹛{﹜}﹟#﹠&",
    "﹡*﹢+﹣-﹤<﹥>﹦=﹨\\﹩$﹪%﹫@\u{107a5}q\u{1d6a4}i\u{1f100}0.\u{1f101}0,\u{1f102}1,\u{1f103}2,\u{1f104}3,\u{1f105}4,\u{1f106}5,\u{1f107}6,\u{1f108}7,\u{1f109}8,\u{1f10a}9,\u{1f110}(a)\u{1f111}(b)\u{1f112}(c)\u{1f113}(d)\u{1f114}(e)\u{1f115}(f)\u{1f116}(g)",
    "\u{1f117}(h)\u{1f118}(i)\u{1f119}(j)\u{1f11a}(k)\u{1f11b}(l)\u{1f11c}(m)\u{1f11d}(n)\u{1f11e}(o)\u{1f11f}(p)\u{1f120}(q)\u{1f121}(r)\u{1f122}(s)\u{1f123}(t)\u{1f124}(u)\u{1f125}(v)\u{1f126}(w)\u{1f127}(x)\u{1f128}(y)\u{1f129}(z)\u{1f12b}c\u{1f12c}r\u{1f12d}cd\u{1f12e}wz",
    "\u{1f14a}hv\u{1f14b}mv\u{1f14c}sd\u{1f14d}ss\u{1f14e}ppv\u{1f14f}wc\u{1f16a}mc\u{1f16b}md\u{1f16c}mr\u{1f190}dj\u{1fbf0}0\u{1fbf1}1\u{1fbf2}2\u{1fbf3}3\u{1fbf4}4\u{1fbf5}5\u{1fbf6}6\u{1fbf7}7\u{1fbf8}8\u{1fbf9}9",
];

/// Returns what a router may make of a character.
pub(super) fn fold(character: char) -> Folded {
    let code = u32::from(character);
    if character.is_ascii() {
        let byte = u8::try_from(code).unwrap_or_default();
        return if byte.is_ascii_control() {
            Folded::Nothing
        } else {
            Folded::Ascii(byte.to_ascii_lowercase())
        };
    }
    let in_alphabet = |first: u32, cycle: u32, start: u8| {
        let offset =
            code.saturating_sub(first).checked_rem(cycle).and_then(|offset| u8::try_from(offset).ok());
        Folded::Ascii(offset.unwrap_or_default().saturating_add(start))
    };
    match code {
        0x80..=0x9f | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f => {
            Folded::Nothing
        }
        0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff => {
            Folded::Nothing
        }
        0xffa0 | 0xfff0..=0xfff8 | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff => {
            Folded::Nothing
        }
        // Full-width forms of all that is printable in ASCII.
        0xff01..=0xff5e => match u8::try_from(code.saturating_sub(0xfee0)) {
            Ok(byte) => Folded::Ascii(byte.to_ascii_lowercase()),
            Err(_) => Folded::Same,
        },
        // Letters and digits of mathematics, and those in circles and squares.
        0x1d400..=0x1d6a3 => in_alphabet(0x1d400, 26, b'a'),
        0x1d7ce..=0x1d7ff => in_alphabet(0x1d7ce, 10, b'0'),
        0x24b6..=0x24e9 => in_alphabet(0x24b6, 26, b'a'),
        0x1f130..=0x1f149 => in_alphabet(0x1f130, 26, b'a'),
        _ if character.is_whitespace() => Folded::Ascii(b' '),
        _ => in_table(character),
    }
}

fn in_table(character: char) -> Folded {
    let behind = TABLE.partition_point(|row| row.chars().next().is_some_and(|first| first <= character));
    let row = behind.checked_sub(1).and_then(|place| TABLE.get(place)).copied().unwrap_or_default();
    let Some((_, rest)) = row.split_once(character) else { return Folded::Same };
    match rest.split(|next: char| !next.is_ascii()).next() {
        Some(text) => Folded::Text(text),
        None => Folded::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_ascii_to_some_router_is_recognized_and_nothing_else() {
        let cases = [
            ('A', Folded::Ascii(b'a')),
            ('\u{ff41}', Folded::Ascii(b'a')),
            ('\u{ff21}', Folded::Ascii(b'a')),
            ('\u{ff0f}', Folded::Ascii(b'/')),
            ('\u{1d400}', Folded::Ascii(b'a')),
            ('\u{1d41a}', Folded::Ascii(b'a')),
            ('\u{1d7ff}', Folded::Ascii(b'9')),
            ('\u{24e9}', Folded::Ascii(b'z')),
            ('\u{212a}', Folded::Text("k")),
            ('\u{17f}', Folded::Text("s")),
            ('\u{131}', Folded::Text("i")),
            ('\u{130}', Folded::Text("i")),
            ('\u{df}', Folded::Text("ss")),
            ('\u{fb03}', Folded::Text("ffi")),
            ('\u{2025}', Folded::Text("..")),
            ('\u{aa}', Folded::Text("a")),
            ('\u{1f190}', Folded::Text("dj")),
            ('\u{200b}', Folded::Nothing),
            ('\u{a0}', Folded::Ascii(b' ')),
            ('\u{3000}', Folded::Ascii(b' ')),
            ('\0', Folded::Nothing),
            // A segment of dots alone would be refused, and nobody makes three dots of an ellipsis to go up.
            ('\u{2026}', Folded::Same),
            ('\u{e4}', Folded::Same),
            ('\u{65e5}', Folded::Same),
            ('\u{430}', Folded::Same),
            ('\u{1f600}', Folded::Same),
        ];
        for (character, want) in cases {
            assert_eq!(fold(character), want, "{character:?}");
        }
    }

    #[test]
    fn the_table_is_in_order() {
        let characters: Vec<char> =
            TABLE.iter().flat_map(|row| row.chars()).filter(|c| !c.is_ascii()).collect();
        assert!(characters.is_sorted());
        assert!(TABLE.iter().all(|row| row.starts_with(|first: char| !first.is_ascii())));
    }
}
