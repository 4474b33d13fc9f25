//! Bytes in pieces, the way networks bring them.

/// How bytes come: at once, one by one, or in pieces whose sizes a seed decides.
#[derive(Clone, Copy, Debug)]
pub enum Split {
    AtOnce,
    Single,
    Seeded(u16),
}

impl Split {
    /// The ways that every input is tried in.
    pub fn all(seed: u16) -> [Split; 4] {
        [Split::AtOnce, Split::Single, Split::Seeded(seed), Split::Seeded(seed.wrapping_add(1))]
    }

    pub fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        let mut sizes = self.sizes();
        let (mut pieces, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes().clamp(1, rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    /// The same for a text, cut between characters.
    pub fn texts(self, text: &str) -> Vec<&str> {
        let mut sizes = self.sizes();
        let (mut pieces, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let at = rest.char_indices().nth(sizes().max(1)).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(at);
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    fn sizes(self) -> impl FnMut() -> usize {
        // Most pieces are small, so that cuts fall within line ends and escapes; some are large.
        let mut state = match self {
            Split::Seeded(seed) => u64::from(seed) * 2 + 1,
            Split::AtOnce | Split::Single => 0,
        };
        move || match self {
            Split::AtOnce => usize::MAX,
            Split::Single => 1,
            Split::Seeded(_) => {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let number = (state >> 33) as usize;
                1 + if number.is_multiple_of(8) { number / 8 % 200 } else { number / 8 % 7 }
            }
        }
    }
}
