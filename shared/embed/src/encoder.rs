//! The network: rows of words and positions in, the mean of the last layer's rows out.

use std::sync::Arc;

use engine::error::{Error, ErrorKind, Result};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::konst::Const;

use crate::model_file::{ModelFile, WIDTH};

/// A plan for texts of any length, ready to run.
pub(crate) struct Encoder {
    plan: Arc<TypedSimplePlan>,
}

impl Encoder {
    /// Reads graph and matrices and builds the plan. Errors: `Configuration` if the file's graph is not one tract can run.
    pub(crate) fn load(file: &ModelFile) -> Result<Self> {
        let model = read(file)?;
        let plan = plan(model).map_err(|error| unusable(&error))?;
        Ok(Self { plan })
    }

    /// The unit vector of a text's ids, of which there is at least one.
    pub(crate) fn embed(&self, file: &ModelFile, ids: &[u32]) -> Result<Vec<f32>> {
        let mut rows = vec![0.0; ids.len() * WIDTH];
        for (position, (id, row)) in ids.iter().zip(rows.chunks_mut(WIDTH)).enumerate() {
            file.add_token(*id, position, row);
        }
        self.run(ids.len(), &rows).map_err(|error| {
            Error::new(ErrorKind::Embedding, format!("the embedding model could not be run: {error}"))
        })
    }

    fn run(&self, tokens: usize, rows: &[f32]) -> TractResult<Vec<f32>> {
        let rows = Tensor::from_shape(&[tokens, WIDTH], rows)?;
        let outputs = self.plan.run(tvec![rows.into()])?;
        let mean = outputs[0].to_plain_array_view::<f32>()?;
        let length = mean.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
        ensure!(length.is_normal() && mean.len() == WIDTH, "the vector has no direction");
        #[expect(clippy::cast_possible_truncation, reason = "a vector has as many digits as f32 gives it")]
        Ok(mean.iter().map(|number| (f64::from(*number) / length) as f32).collect())
    }
}

/// The graph, with the file's matrices in the place of all inputs but the first.
fn read(file: &ModelFile) -> Result<InferenceModel> {
    let mut graph = file.graph()?;
    let mut model = onnx().model_for_read(&mut graph).map_err(|error| unusable(&error))?;
    let inputs = model.input_outlets().map_err(|error| unusable(&error))?.to_vec();
    let (rows, matrices) = inputs.split_first().ok_or_else(|| unusable(&anyhow!("it has no inputs")))?;
    for input in matrices {
        let name = model.node(input.node).name.clone();
        let shape = shape(&model, *input).map_err(|error| unusable(&error))?;
        let matrix = file.matrix(&name, &shape)?;
        put(&mut model, *input, &shape, &matrix).map_err(|error| unusable(&error))?;
    }
    model.set_input_outlets(&[*rows]).map_err(|error| unusable(&error))?;
    Ok(model)
}

fn shape(model: &InferenceModel, outlet: OutletId) -> TractResult<TVec<usize>> {
    let shape = model.outlet_fact(outlet)?.shape.concretize().context("a matrix has a shape")?;
    shape.iter().map(|size| Ok(size.to_usize()?)).collect()
}

fn put(model: &mut InferenceModel, outlet: OutletId, shape: &[usize], matrix: &[f32]) -> TractResult<()> {
    let matrix = Tensor::from_shape(shape, matrix)?.into_arc_tensor();
    model.set_outlet_fact(outlet, TypedFact::try_from(matrix.clone())?.into())?;
    model.node_mut(outlet.node).op = Const::new(matrix)?.into();
    Ok(())
}

/// Not decluttered first: that takes half as long again, and the plan runs no faster.
fn plan(model: InferenceModel) -> TractResult<Arc<TypedSimplePlan>> {
    let mut model = model.into_typed()?;
    model.optimize()?;
    TypedSimplePlan::new(model)
}

fn unusable(error: &TractError) -> Error {
    Error::new(ErrorKind::Configuration, format!("the embedding model's graph cannot be run: {error}"))
}
