//! Choices out of bytes. When they run out every choice is zero, so that short inputs are simple ones.

#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub fn bit(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of `0..many`.
    pub fn below(&mut self, many: usize) -> usize {
        usize::from(self.byte()) % many.max(1)
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut taken = [0; N];
        let piece = self.take(N);
        taken[..piece.len()].copy_from_slice(piece);
        taken
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A number at or beside an edge where arithmetic goes wrong, or any.
    pub fn u128(&mut self) -> u128 {
        let near = |edge: u128, by: u8| match by % 3 {
            0 => edge,
            1 => edge.saturating_sub(1),
            _ => edge.saturating_add(1),
        };
        let (which, by) = (self.byte(), self.byte());
        match which {
            0..=99 => u128::from(self.u16()),
            100..=139 => u128::from(self.u64()),
            140..=179 => u128::from_be_bytes(self.array()),
            180..=189 => near(1 << 53, by),
            190..=199 => near(1 << 63, by),
            200..=219 => near(1 << 64, by),
            220..=239 => near((1 << 112) - 1, by),
            _ => near(u128::MAX, by),
        }
    }

    /// At most this many bytes, fewer at the end.
    pub fn take(&mut self, many: usize) -> &'a [u8] {
        let (piece, rest) = self.0.split_at(many.min(self.0.len()));
        self.0 = rest;
        piece
    }

    /// A piece with its length before it.
    pub fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.u16());
        self.take(length)
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
