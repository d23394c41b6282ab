use super::{Instruction, JUMP, JUMP_EQUAL, RETURN};

/// A program in the making. Only whole pieces are jumped over, so that every distance is known when a piece is added.
#[derive(Clone, Default)]
pub(crate) struct Assembly(Vec<Instruction>);

impl Assembly {
    pub(crate) fn then(&mut self, code: u16, k: u32) -> &mut Self {
        self.0.push(Instruction::plain(code, k));
        self
    }

    /// Runs `piece` if the condition holds, and goes on behind it.
    pub(crate) fn when(&mut self, code: u16, k: u32, piece: Self) -> &mut Self {
        match u8::try_from(piece.0.len()) {
            Ok(jump_false) => self.0.push(Instruction {
                code,
                jump_true: 0,
                jump_false,
                k,
            }),
            // Only an unconditional jump reaches further than 255.
            Err(_) => {
                self.0.push(Instruction {
                    code,
                    jump_true: 1,
                    jump_false: 0,
                    k,
                });
                self.then(JUMP, piece.0.len() as u32);
            }
        }
        self.0.extend(piece.0);
        self
    }

    /// Runs `piece` unless the condition holds, and goes on behind it.
    pub(crate) fn when_not(&mut self, code: u16, k: u32, piece: Self) -> &mut Self {
        self.0.push(Instruction {
            code,
            jump_true: 0,
            jump_false: 1,
            k,
        });
        self.then(JUMP, piece.0.len() as u32);
        self.0.extend(piece.0);
        self
    }

    /// Returns `value` unless the condition holds.
    pub(crate) fn unless(&mut self, code: u16, k: u32, value: u32) -> &mut Self {
        self.0.push(Instruction {
            code,
            jump_true: 1,
            jump_false: 0,
            k,
        });
        self.then(RETURN, value)
    }

    /// Runs `piece` if the accumulator is any of `values`, and goes on behind it.
    pub(crate) fn any_of(&mut self, values: &[u32], piece: Self) -> &mut Self {
        // The last comparison guards the piece, those before jump into it.
        let Some((last, others)) = values.split_last() else {
            return self;
        };
        for (done, value) in others.iter().enumerate() {
            let guard = 1 + u32::from(piece.is_far());
            let left = (others.len() - done - 1) as u32 * 2 + guard;
            let mut into = Self::default();
            into.then(JUMP, left);
            self.when(JUMP_EQUAL, *value, into);
        }
        self.when(JUMP_EQUAL, *last, piece)
    }

    /// Adds another behind it.
    pub(crate) fn extend(&mut self, other: Self) -> &mut Self {
        self.0.extend(other.0);
        self
    }

    /// It is too long for a conditional jump over it.
    fn is_far(&self) -> bool {
        u8::try_from(self.0.len()).is_err()
    }

    pub(crate) fn finish(self) -> Vec<Instruction> {
        self.0
    }
}

/// The piece that returns `value`: how many bytes of the packet to keep, 0 = drop it.
pub(crate) fn give(value: u32) -> Assembly {
    let mut a = Assembly::default();
    a.then(RETURN, value);
    a
}
